// SPDX-License-Identifier: GPL-2.0-only
//
// node: streams, sockets and plain reads over the name of a channel. TAP.
//
// usage: node node.js NAME
"use strict";

const fs = require("fs");
const net = require("net");
const { once } = require("events");
const name = process.argv[2];

const O_NONBLOCK = fs.constants.O_NONBLOCK;

// Each read is one message. It takes a thread of the pool while it waits.
async function plain() {
	const tx = await fs.promises.open(name, "w");
	const rx = await fs.promises.open(name, "r");
	await tx.write("one");
	await tx.write("and two");
	const room = Buffer.alloc(4096);
	const first = await rx.read(room, 0, 4096, null);
	const second = await rx.read(room, 0, 4096, null);
	await tx.close();
	await rx.close();
	return first.bytesRead === 3 && second.bytesRead === 7;
}

// In the loop, without a thread.
async function socket() {
	const rx = new net.Socket({
		fd: fs.openSync(name, fs.constants.O_RDONLY | O_NONBLOCK), readable: true,
		writable: false,
	});
	const tx = new net.Socket({
		fd: fs.openSync(name, fs.constants.O_WRONLY | O_NONBLOCK), readable: false,
		writable: true,
	});
	let seen = "";
	rx.on("data", (data) => {
		seen += data;
	});
	for (let i = 0; i < 100; i++)
		tx.write(`${i}\n`);
	const wanted = [...Array(100).keys()].join("\n") + "\n";
	while (seen.length < wanted.length)
		await once(rx, "data");
	tx.destroy();
	rx.destroy();
	return seen === wanted;
}

async function stream() {
	const rx = fs.createReadStream(name);
	await once(rx, "open");
	const tx = fs.createWriteStream(name);
	tx.write("streamed");
	const [data] = await once(rx, "data");
	tx.destroy();
	// A read may wait in a thread: only something to read, or the end, ends it.
	fs.writeFileSync(name, "last");
	rx.destroy();
	return data.toString() === "streamed";
}

async function main() {
	const tests = [
		["each plain read is a message", plain],
		["sockets read and write, and wait for room", socket],
		["streams read and write", stream],
	];
	let n = 0;
	for (const [what, test] of tests) {
		let good = false;
		try {
			good = await test();
		} catch (error) {
			console.log(`# ${error}`);
		}
		console.log(`${good ? "ok" : "not ok"} ${++n} - node: ${what}`);
	}
	console.log(`1..${n}`);
	process.exit(0);
}

main();
