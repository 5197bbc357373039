module gofile

go 1.19
