//! DNS that is silent, slow, lying or truncated, and right most of the time. Never does it give a wrong key in an answer
//! that a resolver may believe.

use crate::{ledger::Ledger, rng::Rng};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, UdpSocket},
    sync::Arc,
    thread::{self, sleep},
    time::Duration,
};

/// What is done with a question over UDP.
#[derive(Debug, Clone, Copy)]
enum Act {
    Silence,
    Slow,
    ServFail,
    Truncated,
    Garbage,
    /// An answer to a question that was not asked, then the right one.
    WrongId,
    /// An answer about another name, and nothing else.
    WrongName,
    NoSuchName,
}

const ACTS: [Act; 8] = [
    Act::Silence,
    Act::Slow,
    Act::ServFail,
    Act::Truncated,
    Act::Garbage,
    Act::WrongId,
    Act::WrongName,
    Act::NoSuchName,
];

/// Starts it; it ends with the process. All names of keys have the same `record`.
pub(crate) fn start(record: &str, ledger: &Arc<Ledger>, seed: u64) -> SocketAddr {
    let (udp, tcp) = sockets();
    let addr = udp.local_addr().expect("a bound socket");
    let record: Arc<str> = record.into();
    thread::spawn({
        let (record, ledger, rng) = (Arc::clone(&record), Arc::clone(ledger), Rng::new(seed, 53));
        move || over_udp(udp, &record, &ledger, rng)
    });
    thread::spawn(move || over_tcp(&tcp, &record));
    addr
}

fn sockets() -> (UdpSocket, TcpListener) {
    for _ in 0..100 {
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a free port");
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().expect("a bound socket")) {
            return (udp, tcp);
        }
    }
    panic!("no port that is free for both UDP and TCP");
}

fn over_udp(socket: UdpSocket, record: &str, ledger: &Ledger, mut rng: Rng) {
    let socket = Arc::new(socket);
    let mut question = [0; 4096];
    while let Ok((length, from)) = socket.recv_from(&mut question) {
        let Some(mut answer) = answer(&question[..length], record) else { continue };
        let act = rng.percent(30).then(|| rng.pick(&ACTS));
        if let Some(act) = act {
            ledger.event(format!("DNS: {act:?}"));
        }
        match act {
            None => {}
            Some(Act::Silence) => continue,
            Some(Act::ServFail) => answer = empty(&question[..length], 2),
            Some(Act::NoSuchName) => answer = empty(&question[..length], 3),
            Some(Act::Truncated) => {
                answer = empty(&question[..length], 0);
                answer[2] |= 2;
            }
            Some(Act::Garbage) => answer.truncate(13),
            Some(Act::WrongName) => answer[14] ^= 1,
            Some(Act::WrongId) => {
                let mut wrong = empty(&question[..length], 3);
                wrong[0] ^= 1;
                let _ = socket.send_to(&wrong, from);
            }
            Some(Act::Slow) => {
                let socket = Arc::clone(&socket);
                thread::spawn(move || {
                    sleep(Duration::from_millis(300));
                    let _ = socket.send_to(&answer, from);
                });
                continue;
            }
        }
        let _ = socket.send_to(&answer, from); // who asked may be dead
    }
}

fn over_tcp(listener: &TcpListener, record: &str) {
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let record = record.to_owned();
        thread::spawn(move || {
            let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
            let mut length = [0; 2];
            while stream.read_exact(&mut length).is_ok() {
                let mut question = vec![0; usize::from(u16::from_be_bytes(length))];
                if stream.read_exact(&mut question).is_err() {
                    return;
                }
                let Some(answer) = answer(&question, &record) else { return };
                let length = (answer.len() as u16).to_be_bytes();
                if stream.write_all(&[&length[..], &answer].concat()).is_err() {
                    return;
                }
            }
        });
    }
}

/// The right answer (RFC 1035 section 4). None: this is no question.
fn answer(question: &[u8], record: &str) -> Option<Vec<u8>> {
    let end = end_of_question(question)?;
    let name = question[12..end].to_ascii_lowercase();
    let is_key = name.windows(11).any(|part| part == b"\x0a_domainkey");
    if !is_key {
        return Some(empty(question, 3));
    }
    let mut answer = empty(question, 0);
    if question[end - 4..end - 2] != [0, 16] {
        return Some(answer); // the name exists, but has no such record
    }
    answer[7] = 1; // one answer
    let texts: Vec<u8> = record.as_bytes().chunks(255).flat_map(|text| [&[text.len() as u8], text].concat()).collect();
    answer.extend_from_slice(&[0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 1]); // the same name, TXT, IN, one second
    answer.extend_from_slice(&(texts.len() as u16).to_be_bytes());
    answer.extend_from_slice(&texts);
    Some(answer)
}

/// An answer without records, with this code.
fn empty(question: &[u8], code: u8) -> Vec<u8> {
    let end = end_of_question(question).unwrap_or(question.len());
    let mut answer = question[..end].to_vec();
    answer[2..12].copy_from_slice(&[0x81, 0x80 | code, 0, 1, 0, 0, 0, 0, 0, 0]);
    answer
}

/// Where the one question ends: header, name, type and class.
fn end_of_question(question: &[u8]) -> Option<usize> {
    let mut at = 12;
    loop {
        let length = usize::from(*question.get(at)?);
        at += 1 + length;
        if length == 0 {
            return (at + 4 <= question.len()).then_some(at + 4);
        }
    }
}
