//! The main thread: worker threads, signals, reload, watchdog.

use super::{Loaded, StartError, bind::Bound, detach::Detached};
use crate::{
    config::{DaemonConfig, Problems},
    filter::Filter,
    log::Log,
    serve::{self, Listener, Service, Shared},
    systemd,
};
use std::{
    future::pending,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    thread,
    time::Duration,
};
use tokio::{
    runtime::{Builder, LocalOptions, LocalRuntime, Runtime},
    select,
    signal::unix::{Signal, SignalKind, signal},
    sync::{mpsc, watch},
    time::{Interval, interval},
};

/// A daemon about to serve.
pub(super) struct Daemon<'a, F> {
    pub(super) bound: &'a Bound,
    pub(super) log: &'a Log,
    pub(super) detached: Option<Detached>,
    pub(super) understand: &'a dyn Fn() -> Result<Loaded<F>, Problems>,
}

impl<F: Filter> Daemon<'_, F> {
    /// Serves until told to stop.
    pub(super) fn run(&self, loaded: Loaded<F>) -> Result<(), StartError> {
        let runtime = runtime().map_err(StartError::Runtime)?;
        let result = runtime.block_on(self.control(loaded));
        if let Err(error) = &result {
            tracing::error!("{error}");
        }
        tracing::info!("stopped");
        result
    }

    async fn control(&self, loaded: Loaded<F>) -> Result<(), StartError> {
        // Before anybody is told that we are ready: a signal may come right then.
        let mut signals = Signals::new().map_err(StartError::Runtime)?;
        let mut watchdog = systemd::watchdog_interval().map(interval);
        let Loaded { config, filter, .. } = loaded;
        let shared = Arc::new(Shared::new(Service { settings: config.settings.clone(), filter: Arc::new(filter) }));
        let mut workers = Workers::start(&config, self.bound, &shared).map_err(StartError::Runtime)?;
        self.announce(&config)?;
        let mut drain = config.settings.timeouts.drain;
        loop {
            select! {
                order = signals.next() => match order {
                    Order::Stop if workers.are_stopping() => {
                        tracing::warn!("told to stop a second time: open transactions are cut");
                        return Ok(());
                    }
                    Order::Stop => {
                        tracing::info!("stopping: open transactions have {} s to finish", drain.as_secs_f32());
                        systemd::stopping(drain);
                        workers.stop();
                    }
                    Order::Reload => drain = self.reload(&config, &shared).unwrap_or(drain),
                },
                ended = workers.next() => match ended {
                    Some(result) => result?,
                    None => return Ok(()),
                },
                () = tick(&mut watchdog) => systemd::watchdog(),
            }
        }
    }

    /// Tells everybody that we are ready.
    fn announce(&self, config: &DaemonConfig) -> Result<(), StartError> {
        for address in self.bound.addresses() {
            tracing::info!("listening on {address} and relaying to {}", config.settings.relay);
        }
        systemd::ready();
        if let Some(detached) = &self.detached {
            detached.ready().map_err(StartError::Detach)?;
        }
        Ok(())
    }

    /// Reads everything again, and takes it over if all of it is good. Returns the new time limit for the end.
    fn reload(&self, started: &DaemonConfig, shared: &Shared<F>) -> Option<Duration> {
        systemd::reloading();
        let drain = match (self.understand)() {
            Ok(loaded) => Some(self.take_over(started, shared, loaded)),
            Err(problems) => {
                for problem in problems.iter() {
                    tracing::error!("{problem}");
                }
                tracing::error!("the configuration has mistakes; the old one stays in force");
                None
            }
        };
        systemd::ready();
        drain
    }

    fn take_over(&self, started: &DaemonConfig, shared: &Shared<F>, loaded: Loaded<F>) -> Duration {
        let Loaded { config, filter, .. } = loaded;
        if let Err(error) = self.log.replace(&config.log) {
            tracing::error!("the log stays where it is: {error}");
        }
        for note in config.notes.iter().chain(&for_a_restart(started, &config)) {
            tracing::warn!("{note}");
        }
        let drain = config.settings.timeouts.drain;
        shared.replace(Service { settings: config.settings, filter: Arc::new(filter) });
        tracing::info!("the configuration was read again and is in force");
        drain
    }
}

/// What a reload cannot change.
fn for_a_restart(old: &DaemonConfig, new: &DaemonConfig) -> Option<String> {
    let changed = [
        ("listen", old.listeners != new.listeners),
        ("socket_mode", old.socket_mode != new.socket_mode),
        ("threads", old.threads != new.threads),
        ("user", old.process.user != new.process.user),
        ("group", old.process.groups != new.process.groups),
        ("chroot", old.process.chroot != new.process.chroot),
        ("pidfile", old.process.pidfile != new.process.pidfile),
    ];
    let names: Vec<_> = changed.iter().filter(|(_, changed)| *changed).map(|&(name, _)| name).collect();
    (!names.is_empty()).then(|| format!("changed, but only a restart makes it so: {}", names.join(", ")))
}

/// The worker threads.
struct Workers {
    running: usize,
    stop: watch::Sender<bool>,
    ended: mpsc::UnboundedReceiver<Result<(), String>>,
}

impl Workers {
    fn start<F: Filter>(config: &DaemonConfig, bound: &Bound, shared: &Arc<Shared<F>>) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(false);
        let (report, ended) = mpsc::unbounded_channel();
        for index in 0..config.threads {
            let (listeners, shared) = (bound.try_clone()?, Arc::clone(shared));
            let (stopped, report) = (stopped.clone(), report.clone());
            thread::Builder::new().name(format!("worker-{index}")).spawn(move || {
                let result = catch_unwind(AssertUnwindSafe(|| work(listeners, shared, stopped)));
                let result = result.unwrap_or_else(|_| Err("it panicked".to_owned()));
                let _ = report.send(result); // nobody listens after a second signal
            })?;
        }
        Ok(Self { running: config.threads, stop, ended })
    }

    fn are_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// The next end of a worker; None: all have ended. One that ends unasked is an error: the daemon would serve on with
    /// less, and nobody would see it.
    async fn next(&mut self) -> Option<Result<(), StartError>> {
        if self.running == 0 {
            return None;
        }
        let ended = self.ended.recv().await?;
        self.running -= 1;
        Some(match ended {
            Ok(()) if self.are_stopping() => Ok(()),
            Ok(()) => Err(StartError::Worker("nobody told it to".to_owned())),
            Err(reason) => Err(StartError::Worker(reason)),
        })
    }
}

fn work<F: Filter>(
    listeners: Vec<Listener>,
    shared: Arc<Shared<F>>,
    stop: watch::Receiver<bool>,
) -> Result<(), String> {
    let runtime = Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
    let serve = |runtime: LocalRuntime| runtime.block_on(serve::serve(listeners, shared, stop));
    runtime.and_then(serve).map_err(|error| error.to_string())
}

fn runtime() -> io::Result<Runtime> {
    Builder::new_current_thread().enable_all().build()
}

/// The next tick; without an interval, never.
async fn tick(interval: &mut Option<Interval>) {
    match interval {
        Some(interval) => drop(interval.tick().await),
        None => pending().await,
    }
}

/// What a signal asks for.
enum Order {
    Stop,
    Reload,
}

struct Signals {
    term: Signal,
    int: Signal,
    quit: Signal,
    hup: Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Order {
        select! {
            _ = self.term.recv() => Order::Stop,
            _ = self.int.recv() => Order::Stop,
            _ = self.quit.recv() => Order::Stop,
            _ = self.hup.recv() => Order::Reload,
        }
    }
}
