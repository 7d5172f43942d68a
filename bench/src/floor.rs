//! The floor: a relay of opaque bytes between the same sockets. No WebSocket,
//! no JSON, no queue, no log. What it costs is system calls, TCP and wake-ups,
//! and a server is judged by its multiple of that.
//!
//! Eight bytes say hello (room, role, three zeros) and are sent back once the
//! member is in its room; from then on each read goes to the room's others.

use anyhow::{Context, Result};
use std::cell::RefCell;
use std::collections::HashMap;
use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// Bytes of the hello, both ways.
pub const HELLO: usize = 8;
const READ_BUFFER: usize = 64 * 1024;
/// As the server has it: else the kernel's own growth would differ.
const SEND_BUFFER: usize = 128 * 1024;

/// The hello of a member of `room`.
#[must_use]
pub fn hello(room: u32) -> [u8; HELLO] {
    let mut bytes = [0; HELLO];
    bytes[..4].copy_from_slice(&room.to_le_bytes());
    bytes
}

/// A planted defect, for the self-test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum Sabotage {
    /// An honest floor.
    #[default]
    None,
    /// One read is forwarded to nobody.
    Lose,
    /// One byte of one read is changed.
    Corrupt,
    /// Every read burns 60 µs.
    Burn,
    /// Every 400th read stops everything for 40 ms.
    Stall,
    /// Every connection holds 8 KiB it does not need.
    Hoard,
}

/// After how many reads a single defect strikes.
const STRIKE: u64 = 400;

struct Member {
    write: OwnedWriteHalf,
    _hoard: Vec<u8>,
}

type Room = Arc<Mutex<Vec<Arc<Member>>>>;

#[derive(Default)]
struct Floor {
    rooms: Mutex<HashMap<u32, Room>>,
    reads: AtomicU64,
    sabotage: Sabotage,
}

thread_local! {
    /// One for all connections: a member keeps no bytes.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BUFFER]);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing under these locks can leave a list half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Serves until killed; writes its port into `port_file` once it listens.
///
/// # Errors
/// When it cannot listen or cannot write the file.
pub fn run(port_file: &Path, sabotage: Sabotage) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4()?;
        socket.bind(([127, 0, 0, 1], 0).into())?;
        let listener = socket.listen(4096)?;
        crate::target::announce(port_file, listener.local_addr()?.port())?;
        serve(listener, sabotage).await
    })
}

pub(crate) async fn serve(listener: TcpListener, sabotage: Sabotage) -> Result<()> {
    let floor = Arc::new(Floor {
        sabotage,
        ..Floor::default()
    });
    loop {
        let (stream, _) = listener.accept().await.context("accepting")?;
        let floor = Arc::clone(&floor);
        tokio::spawn(async move {
            // A member that is gone is no event for the others.
            if let Ok((room, member, read)) = admit(&floor, stream).await {
                relay(&floor, &room, &member, read).await;
                lock(&room).retain(|other| !Arc::ptr_eq(other, &member));
            }
        });
    }
}

async fn admit(floor: &Floor, stream: TcpStream) -> Result<(Room, Arc<Member>, OwnedReadHalf)> {
    stream.set_nodelay(true)?;
    socket2::SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER)?;
    let (mut read, write) = stream.into_split();
    let mut hello = [0; HELLO];
    read.read_exact(&mut hello).await?;
    let number = u32::from_le_bytes([hello[0], hello[1], hello[2], hello[3]]);
    let room = Arc::clone(lock(&floor.rooms).entry(number).or_default());
    let hoard = match floor.sabotage {
        Sabotage::Hoard => vec![1; 8 * 1024],
        _ => Vec::new(),
    };
    let member = Arc::new(Member {
        write,
        _hoard: hoard,
    });
    lock(&room).push(Arc::clone(&member));
    send(&member, &hello).await;
    Ok((room, member, read))
}

/// Sends all of `bytes`: at once if the socket takes them, as it nearly always
/// does, else as it drains.
async fn send(member: &Member, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match member.write.try_write(bytes) {
            Ok(n) => bytes = &bytes[n..],
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                if member.write.writable().await.is_err() {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}

/// Bytes that a member's socket did not take at once.
type Rest = (Arc<Member>, Vec<u8>);

async fn relay(floor: &Floor, room: &Room, me: &Arc<Member>, mut read: OwnedReadHalf) {
    let mut late: Vec<Rest> = Vec::new();
    loop {
        let got = poll_fn(|cx| {
            BUFFER.with_borrow_mut(|buffer| {
                let mut into = ReadBuf::new(buffer);
                match Pin::new(&mut read).poll_read(cx, &mut into) {
                    Poll::Pending => Poll::Pending,
                    Poll::Ready(Err(_)) => Poll::Ready(0),
                    Poll::Ready(Ok(())) => {
                        let bytes = into.filled_mut();
                        if !bytes.is_empty() && floor.tamper(bytes) {
                            forward(room, me, bytes, &mut late);
                        }
                        Poll::Ready(bytes.len())
                    }
                }
            })
        })
        .await;
        if got == 0 {
            return;
        }
        for (member, rest) in late.drain(..) {
            send(&member, &rest).await;
        }
    }
}

fn forward(room: &Room, me: &Arc<Member>, bytes: &[u8], late: &mut Vec<Rest>) {
    for member in lock(room).iter().filter(|member| !Arc::ptr_eq(member, me)) {
        let sent = match member.write.try_write(bytes) {
            Ok(n) => n,
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => 0,
            Err(_) => continue,
        };
        if sent < bytes.len() {
            late.push((Arc::clone(member), bytes[sent..].to_vec()));
        }
    }
}

impl Floor {
    /// Does the planted harm; whether the read is to be forwarded.
    fn tamper(&self, bytes: &mut [u8]) -> bool {
        if self.sabotage == Sabotage::None {
            return true;
        }
        let reads = self.reads.fetch_add(1, Ordering::Relaxed);
        let strike = reads == STRIKE;
        match self.sabotage {
            Sabotage::Lose => !strike,
            Sabotage::Corrupt if strike => {
                let middle = bytes.len() / 2;
                bytes[middle] ^= 1;
                true
            }
            Sabotage::Burn => {
                let until = Instant::now() + Duration::from_micros(60);
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
                true
            }
            Sabotage::Stall if reads.is_multiple_of(STRIKE) => {
                // Far over three times what a busy machine does to an honest floor.
                std::thread::sleep(Duration::from_millis(250));
                true
            }
            _ => true,
        }
    }
}
