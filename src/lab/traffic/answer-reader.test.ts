import { expect, test } from "vitest";
import { AnswerReader } from "./answer-reader.ts";

/** Reads an answer byte by byte, which is the hardest way to cut it. */
function read(text: string, method = "GET"): ReturnType<AnswerReader["read"]> {
  const reader = new AnswerReader();
  reader.begin(method);
  for (let at = 0; at < text.length; at += 1) {
    const answer = reader.read(Buffer.from(text[at] ?? "", "latin1"));
    if (answer !== undefined) return at === text.length - 1 ? answer : undefined;
  }
  return reader.close();
}

test("an answer ends with its length", () => {
  expect(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Member: a\r\n\r\nhello")).toMatchObject({
    status: 200,
    headers: { "x-member": "a" },
    beginning: "hello",
    bodyBytes: 5,
    isReusable: true,
  });
});

test("an answer ends with its last chunk, also with a trailer", () => {
  const text = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x=y\r\n!\r\n0\r\nA: b\r\n\r\n";
  expect(read(text)).toMatchObject({ beginning: "hello!", bodyBytes: 6, isReusable: true });
});

test("answers without a body end with their head", () => {
  expect(read("HTTP/1.1 204 No Content\r\n\r\n")).toMatchObject({ status: 204, bodyBytes: 0 });
  expect(read("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", "HEAD")).toMatchObject({ bodyBytes: 0 });
});

test("an answer without a length ends with the connection, and one cut short is none", () => {
  expect(read("HTTP/1.1 200 OK\r\n\r\nall of it")).toMatchObject({ beginning: "all of it", isReusable: false });
  expect(read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")).toBeUndefined();
  expect(read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")).toBeUndefined();
});

test("interim answers are passed over, and cookies stay apart", () => {
  const text =
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nSet-Cookie: a=1, x\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  expect(read(text)).toMatchObject({ status: 200, setCookies: ["a=1, x", "b=2"], isReusable: false });
});

test("what is no HTTP is an error", () => {
  expect(() => read("SSH-2.0-OpenSSH\r\n\r\n")).toThrow(/no status line/);
  expect(() => read("HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\n")).toThrow(/content length/);
  expect(() => read("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n")).toThrow(/longer/);
});
