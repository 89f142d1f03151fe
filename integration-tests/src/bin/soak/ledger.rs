//! Who has said what about which message; and what must be true of that in the end.

use crate::mail::{Mail, id_of};
use aws_lc_rs::digest::{SHA256, digest};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

/// What is known of a message.
struct Entry {
    length: usize,
    digest: [u8; 32],
    /// The client has sent, or was about to send, the end of data.
    ended: bool,
    /// First digit of what the client heard then; 0: nothing.
    heard: u8,
    /// So many times did it arrive complete.
    recorded: u32,
    /// So many times did the next hop say 250 to it.
    acknowledged: u32,
}

/// One mistake may show in each message: so many are told, the others counted.
const TOLD: usize = 20;

/// All messages, and all that went wrong.
#[derive(Default)]
pub(crate) struct Ledger {
    next: AtomicU64,
    entries: Mutex<HashMap<u64, Entry>>,
    violations: Mutex<Vec<String>>,
    events: Mutex<BTreeMap<String, u64>>,
}

impl Ledger {
    /// A number that no message has.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Messages so far.
    pub(crate) fn count(&self) -> u64 {
        self.next.load(Ordering::Relaxed)
    }

    /// A client is about to send the message.
    pub(crate) fn announce(&self, mail: &Mail) {
        let expected = mail.expected();
        let entry = Entry {
            length: expected.len(),
            digest: sha256(&expected),
            ended: false,
            heard: 0,
            recorded: 0,
            acknowledged: 0,
        };
        lock(&self.entries).insert(mail.id, entry);
    }

    /// A client is about to send the end of data.
    pub(crate) fn ended(&self, id: u64) {
        self.change(id, |entry| entry.ended = true);
    }

    /// A client has heard a reply to the end of data.
    pub(crate) fn heard(&self, id: u64, code: u16) {
        self.change(id, |entry| entry.heard = (code / 100) as u8);
    }

    /// The next hop has a message, complete. Returns its number.
    pub(crate) fn record(&self, message: &[u8]) -> Option<u64> {
        let found = self.recognize(message);
        if let Err(problem) = &found {
            self.violation(format!("{problem}: {:?}", String::from_utf8_lossy(&message[..message.len().min(2000)])));
        }
        found.ok()
    }

    fn recognize(&self, message: &[u8]) -> Result<u64, &'static str> {
        let id = id_of(message).ok_or("a message of no number")?;
        let mut entries = lock(&self.entries);
        let entry = entries.get_mut(&id).ok_or("a message that nobody sent")?;
        entry.recorded += 1;
        let start = message.len().checked_sub(entry.length).ok_or("a message that lost octets")?;
        let (ours, theirs) = message.split_at(start);
        if sha256(theirs) != entry.digest {
            return Err("a message that was changed");
        }
        are_our_fields(ours).then_some(id).ok_or("a message with fields that are not ours")
    }

    /// The next hop has said 250 to it.
    pub(crate) fn acknowledged(&self, id: u64) {
        self.change(id, |entry| entry.acknowledged += 1);
    }

    fn change(&self, id: u64, change: impl FnOnce(&mut Entry)) {
        lock(&self.entries).get_mut(&id).map(change);
    }

    /// Something that must not be.
    pub(crate) fn violation(&self, text: String) {
        let mut violations = lock(&self.violations);
        if violations.len() < TOLD {
            eprintln!("VIOLATION: {text}");
        }
        violations.push(text);
    }

    /// Something that may be, counted.
    pub(crate) fn event(&self, text: impl Into<String>) {
        *lock(&self.events).entry(text.into()).or_default() += 1;
    }

    /// How often what happened.
    pub(crate) fn events(&self) -> BTreeMap<String, u64> {
        lock(&self.events).clone()
    }

    /// What must be true of each message, when nothing is under way any more. Returns all that was ever wrong.
    pub(crate) fn judge(&self) -> Vec<String> {
        let mut count = Figures::default();
        for (id, entry) in lock(&self.entries).iter() {
            count.add(entry);
            for problem in entry.problems() {
                self.violation(format!("message {id}: {problem}"));
            }
        }
        println!("{count}");
        lock(&self.violations).clone()
    }
}

impl Entry {
    fn problems(&self) -> impl Iterator<Item = &'static str> {
        [
            (self.heard == 2 && self.acknowledged != 1, "acknowledged by us, but not once by the next hop"),
            (self.recorded > 1, "arrived more than once"),
            (self.recorded > 0 && !self.ended, "arrived, though its end was never sent"),
        ]
        .into_iter()
        .filter_map(|(wrong, problem)| wrong.then_some(problem))
    }
}

#[derive(Default)]
struct Figures {
    sent: u64,
    cut: u64,
    accepted: u64,
    refused: u64,
    unanswered: u64,
    acknowledged: u64,
    /// By the next hop, while the client heard nothing, or was told to try again: it will, and the message comes twice.
    twice: u64,
}

impl Figures {
    fn add(&mut self, entry: &Entry) {
        self.sent += 1;
        match (entry.ended, entry.heard) {
            (false, _) => self.cut += 1,
            (true, 2) => self.accepted += 1,
            (true, 0) => self.unanswered += 1,
            (true, _) => self.refused += 1,
        }
        self.acknowledged += u64::from(entry.acknowledged);
        self.twice += u64::from(entry.acknowledged > 0 && entry.heard != 2);
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "messages: {} begun; the client heard 2xx for {}, 4xx or 5xx for {}, nothing for {}, and cut {} short\n\
             next hop: acknowledged {}, of which {} without the client learning of it",
            self.sent, self.accepted, self.refused, self.unanswered, self.cut, self.acknowledged, self.twice
        )
    }
}

/// Fields that we put before a message, and nothing else. DNS never tells a wrong key here, so no signature may fail.
fn are_our_fields(octets: &[u8]) -> bool {
    let text = String::from_utf8_lossy(octets);
    let ended = text.is_empty() || text.ends_with("\r\n");
    let mut lines = text.split_terminator("\r\n");
    let first_is_name = !text.starts_with([' ', '\t']);
    let ours = ["DKIM-Signature:", "Authentication-Results:", "X-DKIM-Authentication-Results:", " ", "\t"];
    ended
        && first_is_name
        && lines.all(|line| ours.iter().any(|start| line.starts_with(start)))
        && !text.contains("dkim=fail")
}

fn sha256(octets: &[u8]) -> [u8; 32] {
    digest(&SHA256, octets).as_ref().try_into().expect("32 octets")
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    /// A ledger that knows one message, which a client has sent to its end.
    fn with_one() -> (Ledger, Mail) {
        let ledger = Ledger::default();
        let mail = Mail::new(ledger.number(), &mut Rng::new(3, 4));
        ledger.announce(&mail);
        ledger.ended(mail.id);
        (ledger, mail)
    }

    fn arrived(mail: &Mail, before: &str) -> Vec<u8> {
        [before.as_bytes(), &mail.expected()].concat()
    }

    #[test]
    fn what_arrived_once_is_good() {
        let (ledger, mail) = with_one();
        assert_eq!(ledger.record(&arrived(&mail, "DKIM-Signature: v=1;\r\n\ta=x\r\n")), Some(mail.id));
        ledger.acknowledged(mail.id);
        ledger.heard(mail.id, 250);
        assert_eq!(ledger.judge(), [""; 0]);
    }

    #[test]
    fn what_is_lost_forged_or_changed_is_seen() {
        let (ledger, mail) = with_one();
        ledger.heard(mail.id, 250);
        assert_eq!(ledger.judge().len(), 1, "never arrived");
        let mut changed = arrived(&mail, "");
        *changed.last_mut().unwrap() ^= 1;
        let stranger = Mail::new(99, &mut Rng::new(5, 6)).expected();
        for message in [changed, stranger, arrived(&mail, "X: y\r\n"), arrived(&mail, "\r\n"), b"x".to_vec()] {
            assert_eq!(ledger.record(&message), None, "{message:?}");
        }
    }

    #[test]
    fn what_comes_twice_or_too_early_is_seen() {
        let (ledger, mail) = with_one();
        for _ in 0..2 {
            ledger.record(&arrived(&mail, ""));
            ledger.acknowledged(mail.id);
        }
        let cut = Mail::new(ledger.number(), &mut Rng::new(7, 8));
        ledger.announce(&cut);
        ledger.record(&cut.expected());
        ledger.heard(mail.id, 250);
        assert_eq!(ledger.judge().len(), 3);
    }
}
