/** The server's side of binary audio. */
export function decodeForServer(bytes: Uint8Array) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return {
    kind: view.getUint8(0),
    format: view.getUint8(1),
    isLast: view.getUint8(2) === 1,
    room: view.getUint16(4, true),
    sampleRate: view.getUint16(6, true),
    streamId: view.getUint32(8, true),
    seq: view.getUint32(12, true),
    atMs: view.getUint32(16, true),
    payload: bytes.subarray(20),
  };
}
