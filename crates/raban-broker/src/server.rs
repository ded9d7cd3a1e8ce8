//! The broker on a TCP port: a thread of its own with one event loop around the [`Cluster`].
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::cluster::{Cluster, Now, PartitionRecord, TopicInfo};
use crate::config::{BrokerConfig, StorageKind};
use crate::connection::Connections;
use crate::data_dir::DataDir;
use crate::error::{RecordsError, StartError, TopicError};
use crate::storage::{DiscardLogDir, LogDir, MemoryLogDir};

/// How long a stopping broker waits for responses that are being written.
const STOP_WAIT: Duration = Duration::from_secs(2);
/// How long to wait before accepting again when the system is out of sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What the event loop is told from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    On,
    /// Finish what is being answered, sync, end.
    Stop,
    /// End.
    Kill,
}

/// The cluster and the clock, shared by connections and the owner's calls.
#[derive(Debug)]
pub(crate) struct Shared {
    cluster: Mutex<Cluster>,
    started: Instant,
}

impl Shared {
    pub(crate) fn now(&self) -> Now {
        now_since(self.started)
    }

    /// The cluster. Its state is consistent whenever a call returns, so a panic elsewhere is no reason to give up.
    pub(crate) fn cluster(&self) -> MutexGuard<'_, Cluster> {
        self.cluster.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn now_since(started: Instant) -> Now {
    let unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Now {
        elapsed: started.elapsed(),
        unix_ms: i64::try_from(unix.as_millis()).unwrap_or(i64::MAX),
    }
}

/// A running broker. Dropped, it stops as by [`stop`](Self::stop).
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    bootstrap: (String, u16),
    shared: Arc<Shared>,
    run: watch::Sender<Run>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Starts a broker on a thread of its own. Returns when it listens.
    ///
    /// # Errors
    /// [`StartError`]; [`StartError::InUse`] names the broker that already runs on the data directory.
    pub fn start(config: BrokerConfig) -> Result<Self, StartError> {
        config.check()?;
        let (data_dir, log_dir): (_, Box<dyn LogDir>) = match &config.storage {
            StorageKind::Memory => (None, Box::new(MemoryLogDir::new())),
            StorageKind::Discard => (None, Box::new(DiscardLogDir)),
            StorageKind::Disk(dir) => {
                let data_dir = DataDir::lock(dir)?;
                let log_dir = data_dir.log_dir();
                (Some(data_dir), Box::new(log_dir))
            }
        };
        Self::start_in(config, log_dir, data_dir)
    }

    /// The same on any log directory; the settings' storage is not looked at.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start_with(config: BrokerConfig, log_dir: Box<dyn LogDir>) -> Result<Self, StartError> {
        Self::start_in(config, log_dir, None)
    }

    fn start_in(
        config: BrokerConfig,
        log_dir: Box<dyn LogDir>,
        data_dir: Option<DataDir>,
    ) -> Result<Self, StartError> {
        if config.nodes != 1 {
            return Err(StartError::Setting {
                setting: "nodes",
                value: i64::from(config.nodes),
                range: "1, since a server is one node",
            });
        }
        let listener = std::net::TcpListener::bind(config.listen)
            .and_then(|l| l.set_nonblocking(true).map(|()| l))
            .and_then(|l| l.local_addr().map(|address| (l, address)));
        let (listener, address) = listener.map_err(|source| StartError::Listen {
            address: config.listen,
            source,
        })?;
        let started = Instant::now();
        let seed = config
            .seed
            .unwrap_or_else(|| RandomState::new().build_hasher().finish());
        let bootstrap = config.advertised.clone().unwrap_or_else(|| {
            let ip = if address.ip().is_unspecified() {
                "localhost".to_owned()
            } else {
                address.ip().to_string()
            };
            (ip, address.port())
        });
        let cluster = Cluster::open(config.clone(), seed, log_dir, now_since(started))?;
        let shared = Arc::new(Shared {
            cluster: Mutex::new(cluster),
            started,
        });
        if let Some(data_dir) = &data_dir {
            data_dir.publish_address(loopback_if_unspecified(address))?;
        }
        let (run, runs) = watch::channel(Run::On);
        let (ready, started) = mpsc::sync_channel(1);
        let in_thread = Arc::clone(&shared);
        let body = move || {
            run_thread(listener, config, in_thread, runs, &ready);
            drop(data_dir);
        };
        let thread = std::thread::Builder::new().name("raban-broker".to_owned());
        let thread = thread.spawn(body).map_err(StartError::Thread)?;
        let started = started
            .recv()
            .map_err(|_| io::Error::other("it ended at once"));
        started
            .and_then(|result| result)
            .map_err(StartError::Thread)?;
        Ok(Self {
            address,
            bootstrap,
            shared,
            run,
            thread: Some(thread),
        })
    }

    /// Where the broker listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The broker as `host:port`, for `bootstrap.servers`.
    pub fn bootstrap_servers(&self) -> String {
        let (host, port) = &self.bootstrap;
        if host.contains(':') {
            format!("[{host}]:{port}")
        } else {
            format!("{host}:{port}")
        }
    }

    /// All topics, by name.
    pub fn topics(&self) -> Vec<TopicInfo> {
        self.shared.cluster().topics()
    }

    /// Creates a topic.
    ///
    /// # Errors
    /// [`TopicError`].
    pub fn create_topic(&self, name: &str, partitions: i32) -> Result<(), TopicError> {
        self.shared
            .cluster()
            .create_topic(self.shared.now(), name, partitions)
    }

    /// All records of a topic, by partition and offset.
    ///
    /// # Errors
    /// [`RecordsError`].
    pub fn records(&self, topic: &str) -> Result<Vec<PartitionRecord>, RecordsError> {
        self.shared.cluster().records(topic)
    }

    /// Makes everything that was written durable now.
    pub fn sync(&self) {
        self.shared.cluster().sync();
    }

    /// Stops: responses that are being written are finished for up to 2 seconds, then all is synced.
    pub fn stop(mut self) {
        self.end(Run::Stop);
    }

    /// Stops at once, syncing nothing: what the broker's process could do if it were killed.
    pub fn kill(mut self) {
        self.end(Run::Kill);
    }

    fn end(&mut self, how: Run) {
        self.run.send_replace(how);
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the broker's thread panicked");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end(Run::Stop);
    }
}

fn loopback_if_unspecified(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

/// The broker's thread: its runtime, which lives and ends here, so that a broker may be started and dropped in another one.
fn run_thread(
    listener: std::net::TcpListener,
    config: BrokerConfig,
    shared: Arc<Shared>,
    runs: watch::Receiver<Run>,
    ready: &mpsc::SyncSender<io::Result<()>>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let started = runtime.and_then(|runtime| {
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener)?
        };
        Ok((runtime, listener))
    });
    let (result, started) = match started {
        Ok(started) => (Ok(()), Some(started)),
        Err(error) => (Err(error), None),
    };
    // Whoever starts the broker waits for this.
    let _ = ready.send(result);
    if let Some((runtime, listener)) = started {
        LocalSet::new().block_on(&runtime, serve(listener, config, shared, runs));
        // Syncs that are under way need not be waited for: either all was synced again, or nothing matters.
        runtime.shutdown_background();
    }
}

/// The event loop.
async fn serve(
    listener: TcpListener,
    config: BrokerConfig,
    shared: Arc<Shared>,
    mut runs: watch::Receiver<Run>,
) {
    let connections = Rc::new(Connections::new(&config, Arc::clone(&shared), runs.clone()));
    let flusher = tokio::task::spawn_local(flush(config.flush_interval, Arc::clone(&shared)));
    let mut tasks = JoinSet::new();
    let mut next_id = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(ended) = tasks.join_next() => {
                if let Err(error) = ended {
                    tracing::error!(%error, "a connection's task failed");
                }
                continue;
            }
            _ = runs.wait_for(|run| *run != Run::On) => break,
        };
        match accepted {
            Ok((_, peer)) if tasks.len() >= config.max_connections => {
                tracing::warn!(%peer, "refused a connection: there are {} already", tasks.len());
            }
            Ok((socket, peer)) => {
                next_id += 1;
                tasks.spawn_local(Rc::clone(&connections).serve(next_id, socket, peer));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    flusher.abort();
    let run = *runs.borrow();
    if run == Run::Stop {
        let all = async { while tasks.join_next().await.is_some() {} };
        if timeout(STOP_WAIT, all).await.is_err() {
            tracing::warn!("stopped before all responses were written");
        }
        shared.cluster().sync();
    }
}

/// Syncs all logs now and then, on a thread beside the event loop, one file after the other.
async fn flush(every: Duration, shared: Arc<Shared>) {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let begun = {
            let mut cluster = shared.cluster();
            cluster.handle_tick(shared.now());
            cluster.begin_sync()
        };
        for sync in begun {
            if let Ok(synced) = tokio::task::spawn_blocking(|| sync.run()).await {
                shared.cluster().finish_sync(synced);
            }
        }
    }
}
