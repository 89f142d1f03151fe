//! A load of mixed messages through both daemons, while everything around them fails: the next hop, the clients, DNS, the
//! disk, the daemons themselves. In the end, three things must be true:
//!
//! - each message that we acknowledged was acknowledged by the next hop, once;
//! - each message that arrived is, octet for octet, the one that was sent, below our fields;
//! - no other message exists.
//!
//! `soak [--seconds 120] [--messages NUMBER] [--clients 24] [--seed NUMBER]`; the seed is printed, and the same seed makes
//! the same choices (though not the same timing). Everything is on loopback and ends by itself.

mod client;
mod daemons;
mod disk;
mod dns;
mod ledger;
mod mail;
mod rng;
mod sink;
mod wire;

use crate::{client::Work, daemons::Daemon, disk::SmallDisk, ledger::Ledger, rng::Rng, sink::NextHop};
use integration_tests::keys::Key;
use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::ExitCode,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, sleep},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

struct Plan {
    seconds: u64,
    messages: u64,
    clients: u64,
    seed: u64,
}

fn main() -> ExitCode {
    let Some(plan) = Plan::from_arguments(std::env::args().skip(1)) else {
        eprintln!("usage: soak [--seconds NUMBER] [--messages NUMBER] [--clients NUMBER] [--seed NUMBER]");
        return ExitCode::from(2);
    };
    println!("seed {}", plan.seed);
    let folder = tempfile::Builder::new().prefix("dkimproxy-soak-").tempdir().expect("a temporary folder");
    let violations = run(&plan, folder.path());
    if violations.is_empty() {
        println!("nothing lost, nothing changed, nothing twice");
        return ExitCode::SUCCESS;
    }
    println!("{} violations; the logs are in {}", violations.len(), folder.keep().display());
    ExitCode::FAILURE
}

impl Plan {
    fn from_arguments(mut arguments: impl Iterator<Item = String>) -> Option<Self> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut plan = Self { seconds: 120, messages: u64::MAX, clients: 24, seed: now };
        while let Some(name) = arguments.next() {
            let value = arguments.next()?.parse().ok()?;
            match name.as_str() {
                "--seconds" => plan.seconds = value,
                "--messages" => plan.messages = value,
                "--clients" => plan.clients = value,
                "--seed" => plan.seed = value,
                _ => return None,
            }
        }
        Some(plan)
    }
}

/// Runs it; returns what was wrong.
fn run(plan: &Plan, folder: &Path) -> Vec<String> {
    let ledger = Arc::<Ledger>::default();
    let next_hop = NextHop::start(&ledger, plan.seed);
    let disk = SmallDisk::mount(&folder.join("disk"));
    let mut daemons = start(folder, &next_hop, &ledger, plan.seed, disk.as_ref());
    let began = Instant::now();
    load(plan, &mut daemons, &ledger);
    daemons.iter_mut().for_each(|daemon| daemon.stop(&ledger));
    if !next_hop.is_quiet() {
        ledger.violation("connections to the next hop outlive the daemons".to_owned());
    }
    for (event, count) in ledger.events() {
        println!("{count:>9}  {event}");
    }
    println!("{} s", began.elapsed().as_secs());
    ledger.judge()
}

/// Three daemons: out, in, and an out that relays to that in.
fn start(folder: &Path, next_hop: &NextHop, ledger: &Arc<Ledger>, seed: u64, disk: Option<&SmallDisk>) -> Vec<Daemon> {
    let key = Key::generate(folder, "example.net", "soak", "rsa");
    let dns = dns::start(&key.record, ledger, seed);
    let rules = (0..mail::DOMAINS).map(|number| {
        format!("d{number}.example.net dkim(s=soak, c=relaxed, a=rsa-sha256, key={})\n", key.path.display())
    });
    fs::write(folder.join("sender_map"), rules.collect::<String>()).expect("a new file");
    let spool = disk.map_or(folder, SmallDisk::path);
    let sender_map = format!("--sender_map={}", folder.join("sender_map").display());
    let out = |name: &str, relay: SocketAddr, patience: &str, spool: &Path| {
        let mut arguments = to(relay, patience);
        arguments.push(sender_map.clone());
        arguments.push(format!("--spool_dir={}", spool.display()));
        Daemon::start("dkimproxy-out", arguments, folder.join(name))
    };
    let mut incoming = to(next_hop.addr, "1s");
    incoming.push(format!("--resolver={dns}"));
    incoming.push("--dns_timeout=1s".to_owned());
    incoming.push(format!("--spool_dir={}", folder.display()));
    let incoming = Daemon::start("dkimproxy-in", incoming, folder.join("in.log"));
    let chained = out("chained.log", incoming.addr, "5s", folder);
    vec![out("out.log", next_hop.addr, "1s", spool), incoming, chained]
}

/// Where to relay to, and how long to wait for that.
fn to(relay: SocketAddr, patience: &str) -> Vec<String> {
    let limits = ["relay_timeout", "relay_data_timeout", "end_of_data_timeout"];
    let limits = limits.iter().map(|limit| format!("--{limit}={patience}"));
    std::iter::once(format!("--relay={relay}")).chain(limits).collect()
}

/// Clients send and daemons are disturbed, until it is enough.
fn load(plan: &Plan, daemons: &mut [Daemon], ledger: &Arc<Ledger>) {
    let doors: Vec<SocketAddr> = daemons.iter().map(|daemon| daemon.addr).collect();
    let stop = AtomicBool::new(false);
    let work = Work { ledger, doors: &doors, most: plan.messages, stop: &stop };
    thread::scope(|threads| {
        let work = &work;
        let clients = (0..plan.clients).map(|number| {
            let rng = Rng::new(plan.seed, (1 << 40) + number);
            threads.spawn(move || client::run(work, rng))
        });
        let clients: Vec<_> = clients.collect();
        let quiet = AtomicBool::new(false);
        thread::scope(|inner| {
            let (quiet, rng) = (&quiet, Rng::new(plan.seed, 1 << 41));
            inner.spawn(move || daemons::disturb(daemons, ledger, rng, quiet));
            wait(plan, work);
            quiet.store(true, Ordering::Release);
        });
        stop.store(true, Ordering::Release);
        clients.into_iter().for_each(|client| client.join().expect("clients do not panic"));
    });
}

/// Until the time is up, or there are messages enough.
fn wait(plan: &Plan, work: &Work<'_>) {
    let end = Instant::now() + Duration::from_secs(plan.seconds);
    let mut told = Instant::now();
    while Instant::now() < end && work.ledger.count() < plan.messages {
        sleep(Duration::from_millis(100));
        if told.elapsed() > Duration::from_secs(60) {
            told = Instant::now();
            println!("{} messages so far", work.ledger.count());
        }
    }
}

/// True once `stop` was said.
pub(crate) fn stopped(stop: &AtomicBool) -> bool {
    stop.load(Ordering::Acquire)
}
