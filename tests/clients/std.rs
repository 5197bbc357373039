// SPDX-License-Identifier: GPL-2.0-only

//! Rust's standard library: File, BufReader, threads and child processes over the name of a
//! channel. TAP.
//!
//! usage: rust-std NAME

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::process::{Command, Stdio};
use std::thread;

const O_NONBLOCK: i32 = 0o4000;

fn messages(name: &str) -> std::io::Result<bool> {
    let mut send = OpenOptions::new().write(true).open(name)?;
    let mut recv = File::open(name)?;
    send.write_all(b"one")?;
    send.write_all(b"and two")?;
    let mut room = [0; 4096];
    let first = recv.read(&mut room)? == 3;
    let second = recv.read(&mut room)? == 7 && &room[..7] == b"and two";
    Ok(first && second)
}

fn would_block(name: &str) -> std::io::Result<bool> {
    let mut recv = OpenOptions::new().read(true).custom_flags(O_NONBLOCK).open(name)?;
    let mut room = [0; 4096];
    Ok(matches!(recv.read(&mut room), Err(e) if e.kind() == ErrorKind::WouldBlock))
}

// More than the channel holds: the thread that sends waits.
fn threads(name: &str) -> std::io::Result<bool> {
    let mut send = OpenOptions::new().write(true).open(name)?;
    let recv = File::open(name)?;
    let sender = thread::spawn(move || {
        for i in 0..100 {
            writeln!(send, "{}", i).unwrap();
        }
    });
    let mut sum = 0;
    let mut lines = BufReader::new(recv);
    for _ in 0..100 {
        let mut line = String::new();
        lines.read_line(&mut line)?;
        sum += line.trim().parse::<i32>().unwrap_or(1 << 20);
    }
    sender.join().unwrap();
    Ok(sum == 4950)
}

fn children(name: &str) -> std::io::Result<bool> {
    let send = OpenOptions::new().write(true).open(name)?;
    let mut recv = File::open(name)?;
    let status = Command::new("echo").arg("from a child").stdout(Stdio::from(send)).status()?;
    let mut room = [0; 4096];
    let n = recv.read(&mut room)?;
    Ok(status.success() && &room[..n] == b"from a child\n")
}

fn kind(name: &str) -> std::io::Result<bool> {
    Ok(std::fs::metadata(name)?.file_type().is_fifo())
}

fn create(name: &str) -> std::io::Result<bool> {
    let missing = format!("{}-missing", name);
    let error = File::create(missing).err();
    Ok(matches!(error, Some(e) if e.kind() == ErrorKind::PermissionDenied))
}

fn main() {
    let name = std::env::args().nth(1).expect("a name");
    let tests: [(&str, fn(&str) -> std::io::Result<bool>); 6] = [
        ("a name is a FIFO", kind),
        ("read and write keep messages apart", messages),
        ("O_NONBLOCK is WouldBlock", would_block),
        ("a thread waits for room, BufReader reads lines", threads),
        ("an end is a child's output", children),
        ("File::create makes no name", create),
    ];
    for (i, (what, test)) in tests.iter().enumerate() {
        match test(&name) {
            Ok(true) => println!("ok {} - Rust: {}", i + 1, what),
            Ok(false) => println!("not ok {} - Rust: {}", i + 1, what),
            Err(e) => println!("not ok {} - Rust: {}: {}", i + 1, what, e),
        }
    }
    println!("1..{}", tests.len());
}
