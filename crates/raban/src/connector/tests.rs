//! Names with several addresses, with other ones later, and with none yet.

use std::path::Path;
use std::sync::mpsc;

use raban_broker::{BrokerConfig, Server, StorageKind};
use tokio::net::TcpListener;

use super::*;
use crate::resolver::scripted::ScriptedResolver;
use crate::{Builder, ErrorKind, Producer, Record};

const LONG: Duration = Duration::from_secs(60);
const FIRST: &str = "127.0.0.1";
const SECOND: &str = "127.0.0.2";
const THIRD: &str = "127.0.0.3";

/// The same port of all addresses.
struct Port {
    number: u16,
    open: Vec<TcpListener>,
    /// Bound, so that nobody else listens there.
    refusing: Vec<TcpSocket>,
}

/// Connections to these addresses are accepted, those to the others refused.
fn listen_at(ips: &[&str]) -> Port {
    for _ in 0..100 {
        if let Ok(port) = try_listen_at(ips) {
            return port;
        }
    }
    panic!("no port is free at all addresses");
}

fn try_listen_at(ips: &[&str]) -> io::Result<Port> {
    let mut port = Port {
        number: 0,
        open: Vec::new(),
        refusing: Vec::new(),
    };
    for ip in [FIRST, SECOND, THIRD] {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::new(ip.parse().unwrap(), port.number))?;
        port.number = socket.local_addr()?.port();
        match ips.contains(&ip) {
            true => port.open.push(socket.listen(8)?),
            false => port.refusing.push(socket),
        }
    }
    Ok(port)
}

struct Fixture {
    connector: Connector,
    resolver: Arc<ScriptedResolver>,
    target: Address,
}

impl Fixture {
    fn new(resolver: ScriptedResolver, port: u16) -> Self {
        let config = Config::from_properties([("bootstrap.servers", "alias:1")]).unwrap();
        let resolver = Arc::new(resolver);
        let shared: Arc<dyn Resolve> = resolver.clone();
        Self {
            connector: Connector::new(&config).with_resolver(shared),
            resolver,
            target: Address {
                host: "alias".to_owned(),
                port,
            },
        }
    }

    /// The IP address that was connected to.
    async fn connect(&self) -> Result<String, ConnectError> {
        self.connect_as(false).await
    }

    async fn connect_as(&self, canonical: bool) -> Result<String, ConnectError> {
        let connector = self.connector.clone();
        let connected = connector.connect(self.target.clone(), canonical, LONG);
        let Stream::Plain(stream) = connected.await?;
        Ok(stream.peer_addr().unwrap().ip().to_string())
    }
}

#[tokio::test]
async fn addresses_are_tried_in_turn() {
    let port = listen_at(&[SECOND]);
    let resolver = ScriptedResolver::default().name("alias", &[&[FIRST, SECOND]]);
    let fixture = Fixture::new(resolver, port.number);
    assert_eq!(fixture.connect().await.unwrap(), SECOND);
}

#[tokio::test]
async fn each_connection_begins_behind_the_address_that_was_used_last() {
    let port = listen_at(&[FIRST, SECOND, THIRD]);
    let resolver = ScriptedResolver::default().name("alias", &[&[FIRST, SECOND, THIRD]]);
    let fixture = Fixture::new(resolver, port.number);
    for expected in [FIRST, SECOND, THIRD, FIRST] {
        assert_eq!(fixture.connect().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn an_address_that_is_told_twice_counts_once() {
    let port = listen_at(&[FIRST, SECOND]);
    let resolver = ScriptedResolver::default().name("alias", &[&[FIRST, FIRST, SECOND]]);
    let fixture = Fixture::new(resolver, port.number);
    for expected in [FIRST, SECOND, FIRST] {
        assert_eq!(fixture.connect().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_name_that_moved_is_followed() {
    let port = listen_at(&[FIRST, SECOND]);
    let resolver = ScriptedResolver::default().name("alias", &[&[FIRST], &[SECOND]]);
    let fixture = Fixture::new(resolver, port.number);
    for expected in [FIRST, SECOND] {
        assert_eq!(fixture.connect().await.unwrap(), expected);
    }
}

#[tokio::test]
async fn a_name_that_resolves_late_is_connected_to_then() {
    let port = listen_at(&[FIRST]);
    let resolver = ScriptedResolver::default().name("alias", &[&[], &[FIRST]]);
    let fixture = Fixture::new(resolver, port.number);
    let error = fixture.connect().await.unwrap_err();
    assert!(matches!(&error, ConnectError::Unresolved(_)));
    assert_eq!(error.to_string(), "no such name yet");
    assert_eq!(fixture.connect().await.unwrap(), FIRST);
}

#[tokio::test]
async fn the_error_tells_what_each_address_answered() {
    let port = listen_at(&[]);
    let resolver = ScriptedResolver::default().name("alias", &[&[FIRST, SECOND]]);
    let fixture = Fixture::new(resolver, port.number);
    let error = fixture.connect().await.unwrap_err();
    assert!(matches!(&error, ConnectError::Unreachable(_)));
    let text = error.to_string();
    for ip in [FIRST, SECOND] {
        assert!(
            text.contains(&format!("{ip}:{}: Connection refused", port.number)),
            "{text}"
        );
    }
}

#[tokio::test]
async fn canonical_names_are_connected_to_where_they_are_asked_for() {
    let port = listen_at(&[FIRST, SECOND]);
    let resolver = ScriptedResolver::default()
        .name("alias", &[&[FIRST]])
        .canonical(FIRST, "broker")
        .name("broker", &[&[SECOND]]);
    let fixture = Fixture::new(resolver, port.number);
    assert_eq!(fixture.connect_as(false).await.unwrap(), FIRST);
    assert_eq!(fixture.connect_as(true).await.unwrap(), SECOND);
    fixture.resolver.set("broker", &[]);
    let error = fixture.connect_as(true).await.unwrap_err();
    assert_eq!(error.to_string(), "its canonical name broker: no such name");
}

/// Connections that fill the queue of a listener that accepts none: further ones get no answer.
async fn fill(address: SocketAddr) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for _ in 0..64 {
        match timeout(Duration::from_millis(20), TcpStream::connect(address)).await {
            Ok(stream) => held.push(stream.unwrap()),
            Err(_) => return held,
        }
    }
    panic!("the queue has no end");
}

#[tokio::test]
async fn an_address_that_does_not_answer_is_left_after_the_timeout() {
    let port = listen_at(&[FIRST, SECOND]);
    let address = |ip: &str| SocketAddr::new(ip.parse().unwrap(), port.number);
    let _held = fill(address(FIRST)).await;
    let resolver = ScriptedResolver::default().name("alias", &[&[FIRST, SECOND], &[FIRST]]);
    let fixture = Fixture::new(resolver, port.number);
    let connect = |time: Duration| {
        let connector = fixture.connector.clone();
        connector.connect(fixture.target.clone(), false, time)
    };
    let Stream::Plain(stream) = connect(Duration::from_millis(100)).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), address(SECOND));
    let error = connect(Duration::from_millis(100)).await.unwrap_err();
    let late = "no answer within socket.connection.setup.timeout.ms (100ms)";
    assert_eq!(error.to_string(), format!("{}: {late}", address(FIRST)));
}

/// Answers when the test ends.
#[derive(Debug)]
struct Hanging(Mutex<mpsc::Receiver<()>>);

impl Resolve for Hanging {
    fn addresses(&self, _: &str, _: u16) -> io::Result<Vec<SocketAddr>> {
        let end = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        end.recv().map_err(io::Error::other)?;
        Ok(Vec::new())
    }

    fn canonical_name(&self, _: IpAddr) -> io::Result<String> {
        unreachable!("nobody asks")
    }
}

#[tokio::test]
async fn a_resolver_that_hangs_is_not_waited_for() {
    let (end, hangs) = mpsc::channel();
    let mut fixture = Fixture::new(ScriptedResolver::default(), 1);
    fixture.connector = fixture
        .connector
        .with_resolver(Arc::new(Hanging(Mutex::new(hangs))));
    let short = Duration::from_millis(10);
    let connected = fixture.connector.connect(fixture.target, false, short);
    let error = connected.await.unwrap_err();
    assert!(matches!(&error, ConnectError::Unresolved(_)));
    assert_eq!(
        error.to_string(),
        "no answer within socket.connection.setup.timeout.ms (10ms)"
    );
    drop(end);
}

/// A broker there, which tells clients the name `kafka.test`.
fn broker(ip: &str, port: u16, dir: &Path) -> Server {
    let config = BrokerConfig {
        listen: SocketAddr::new(ip.parse().unwrap(), port),
        advertised: Some(("kafka.test".to_owned(), port)),
        storage: StorageKind::Disk(dir.to_owned()),
        ..BrokerConfig::default()
    };
    Server::start(config).unwrap()
}

fn builder(resolver: &Arc<ScriptedResolver>, port: u16) -> Builder {
    let shared: Arc<dyn Resolve> = resolver.clone();
    Producer::builder()
        .bootstrap_servers(format!("kafka.test:{port}"))
        .linger(Duration::ZERO)
        .resolver(shared)
}

#[tokio::test]
async fn a_producer_follows_a_broker_whose_name_moved() {
    let dir = tempfile::tempdir().unwrap();
    let Port { number, open, .. } = listen_at(&[FIRST]);
    let resolver = ScriptedResolver::default().name("kafka.test", &[&[FIRST]]);
    let resolver = Arc::new(resolver);
    drop(open);
    let first = broker(FIRST, number, dir.path());
    let producer = builder(&resolver, number).build().unwrap();
    producer.send(Record::to("t").value("a")).await.unwrap();
    first.stop();
    resolver.set("kafka.test", &[&[SECOND]]);
    let second = broker(SECOND, number, dir.path());
    let at = producer.send(Record::to("t").value("b")).await.unwrap();
    assert_eq!(at.offset(), Some(1));
    assert_eq!(second.records("t").unwrap().len(), 2);
}

#[tokio::test]
async fn a_producer_waits_for_a_name_that_resolves_late_and_says_so_if_it_must_not() {
    let dir = tempfile::tempdir().unwrap();
    let Port { number, open, .. } = listen_at(&[FIRST]);
    let late: [&[&str]; 4] = [&[], &[], &[], &[FIRST]];
    let resolver = ScriptedResolver::default().name("kafka.test", &late);
    let resolver = Arc::new(resolver);
    drop(open);
    let _broker = broker(FIRST, number, dir.path());
    let record = || Record::to("t").value("a");
    let never = Arc::new(ScriptedResolver::default().name("kafka.test", &[&[]]));
    let hasty = builder(&never, number).build().unwrap();
    let error = hasty.send(record()).await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::BootstrapUnresolved { .. }),
        "{error}"
    );
    let host = format!("kafka.test:{number} (no such name yet)");
    assert!(error.to_string().contains(&host), "{error}");
    let patient = builder(&resolver, number).set("bootstrap.resolve.timeout.ms", "60000");
    patient.build().unwrap().send(record()).await.unwrap();
}
