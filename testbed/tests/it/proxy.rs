//! The proxy in front of a broker that answers each frame with what it got.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use testbed::{Accepting, ApiKey, Direction, Observed, Proxy, Rule};

const SOON: Duration = Duration::from_secs(20);
const PRODUCE_VERSION: i16 = 9;

/// Answers each request, as Kafka does, with its correlation id and, as Kafka doesn't, its whole content. Produce with
/// acks=0 gets no answer.
fn start_echo() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                while let Ok(content) = read_frame(&mut stream) {
                    let wants_no_answer = content[..2] == [0, 0] && acks(&content) == 0;
                    if !wants_no_answer
                        && write_frame(&mut stream, &[&content[4..8], &content].concat()).is_err()
                    {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn acks(content: &[u8]) -> i16 {
    i16::from_be_bytes(content[12..14].try_into().unwrap())
}

fn read_frame(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut size = [0; 4];
    stream.read_exact(&mut size)?;
    let mut content = vec![0; usize::try_from(u32::from_be_bytes(size)).unwrap()];
    stream.read_exact(&mut content)?;
    Ok(content)
}

fn write_frame(stream: &mut TcpStream, content: &[u8]) -> io::Result<()> {
    let size = u32::try_from(content.len()).unwrap();
    stream.write_all(&[&size.to_be_bytes()[..], content].concat())
}

struct Client {
    stream: TcpStream,
    next: i32,
}

impl Client {
    fn connect(proxy: &Proxy) -> Self {
        let stream = TcpStream::connect(proxy.address()).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        Self { stream, next: 0 }
    }

    /// A request whose body is 100 bytes; its correlation id.
    fn send(&mut self, api: ApiKey) -> i32 {
        self.send_body(api, &[7; 100])
    }

    fn send_body(&mut self, api: ApiKey, body: &[u8]) -> i32 {
        self.next += 1;
        let mut content = api.0.to_be_bytes().to_vec();
        content.extend(PRODUCE_VERSION.to_be_bytes());
        content.extend(self.next.to_be_bytes());
        // No client id, no tagged fields; in Produce, no transactional id and acks=all follow.
        content.extend([0xff, 0xff, 0, 0, 0xff, 0xff]);
        content.extend(body);
        write_frame(&mut self.stream, &content).unwrap();
        self.next
    }

    fn receive(&mut self) -> i32 {
        let content = read_frame(&mut self.stream).unwrap();
        i32::from_be_bytes(content[..4].try_into().unwrap())
    }

    /// What comes until the connection ends, and whether it ended by a reset.
    fn receive_to_end(&mut self) -> (usize, bool) {
        let mut bytes = Vec::new();
        let end = self.stream.read_to_end(&mut bytes);
        (
            bytes.len(),
            end.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset),
        )
    }
}

fn started() -> (Proxy, Client) {
    let proxy = Proxy::start(start_echo()).unwrap();
    let client = Client::connect(&proxy);
    (proxy, client)
}

#[test]
fn frames_pass_and_are_counted() {
    let (proxy, mut client) = started();
    for api in [ApiKey::API_VERSIONS, ApiKey::PRODUCE, ApiKey::PRODUCE] {
        let sent = client.send(api);
        assert_eq!(client.receive(), sent);
    }
    let large = client.send_body(ApiKey::PRODUCE, &vec![1; 5_000_000]);
    assert_eq!(client.receive(), large);
    let observed = proxy
        .wait_until(SOON, |observed| observed.response_bytes > 5_000_000)
        .unwrap();
    assert_eq!(observed.requests(ApiKey::PRODUCE), 3);
    assert_eq!(
        observed.requests[&(ApiKey::API_VERSIONS, PRODUCE_VERSION)],
        1
    );
    assert_eq!(observed.responses(ApiKey::PRODUCE), 3);
    assert_eq!(
        (observed.connections_accepted, observed.connections_open),
        (1, 1)
    );
    assert_eq!(observed.max_produce_in_flight, 1);
    assert_eq!(observed.request_bytes + 4 * 4, observed.response_bytes);
    drop(client);
    proxy
        .wait_until(SOON, |observed| observed.connections_open == 0)
        .unwrap();
}

#[test]
fn a_swallowed_response_never_comes_and_the_next_ones_do() {
    let (proxy, mut client) = started();
    let rule = proxy.add(Rule::responses(ApiKey::PRODUCE).skip(1).times(2).swallow());
    for _ in 0..4 {
        client.send(ApiKey::PRODUCE);
    }
    let observed = proxy.wait_hits(rule, 2, SOON).unwrap();
    assert_eq!(observed.swallowed_responses(ApiKey::PRODUCE), 2);
    assert_eq!((client.receive(), client.receive()), (1, 4));
    assert_eq!(proxy.hits(rule), 2);
    proxy.remove(rule);
    assert_eq!(proxy.hits(rule), 2);
}

#[test]
fn a_swallowed_request_never_arrives() {
    let (proxy, mut client) = started();
    proxy.add(Rule::requests(ApiKey::METADATA).swallow());
    client.send(ApiKey::METADATA);
    let passed = client.send(ApiKey::PRODUCE);
    assert_eq!(client.receive(), passed);
    assert_eq!(proxy.observed().swallowed_requests(ApiKey::METADATA), 1);
}

#[test]
fn in_flight_requests_are_counted_while_responses_are_held() {
    let (proxy, mut client) = started();
    let hold = proxy.add(Rule::responses(ApiKey::PRODUCE).hold());
    for _ in 0..5 {
        client.send(ApiKey::PRODUCE);
    }
    client.send(ApiKey::METADATA);
    // The five are answered and held: the sixth, of another API, waits behind them.
    proxy.wait_hits(hold, 5, SOON).unwrap();
    let observed = proxy
        .wait_until(SOON, |observed| observed.requests(ApiKey::METADATA) == 1)
        .unwrap();
    assert_eq!(observed.max_produce_in_flight, 5);
    assert_eq!(observed.responses(ApiKey::PRODUCE), 0);
    proxy.clear();
    assert_eq!(
        (1..=6).map(|_| client.receive()).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5, 6]
    );
    proxy
        .wait_until(SOON, |observed| observed.responses(ApiKey::PRODUCE) == 5)
        .unwrap();
}

#[test]
fn acks_0_is_never_in_flight() {
    let (proxy, mut client) = started();
    let mut content = vec![0, 0];
    content.extend(PRODUCE_VERSION.to_be_bytes());
    content.extend([0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0]);
    for _ in 0..3 {
        write_frame(&mut client.stream, &content).unwrap();
    }
    let observed = proxy
        .wait_until(SOON, |observed| observed.requests(ApiKey::PRODUCE) == 3)
        .unwrap();
    assert_eq!(observed.max_produce_in_flight, 0);
}

#[test]
fn delayed_responses_are_late_together() {
    let (proxy, mut client) = started();
    let delay = Duration::from_millis(200);
    proxy.add(Rule::any_response().delay(delay));
    let began = Instant::now();
    for _ in 0..10 {
        client.send(ApiKey::PRODUCE);
    }
    for sent in 1..=10 {
        assert_eq!(client.receive(), sent);
    }
    assert!(began.elapsed() >= delay);
}

#[test]
fn a_response_is_cut_in_the_middle() {
    let (proxy, mut client) = started();
    proxy.add(Rule::responses(ApiKey::PRODUCE).skip(1).cut_after(10));
    client.send(ApiKey::PRODUCE);
    assert_eq!(client.receive(), 1);
    client.send(ApiKey::PRODUCE);
    let (len, reset) = client.receive_to_end();
    assert!(len <= 10 && reset, "{len} bytes, reset: {reset}");
    proxy
        .wait_until(SOON, |observed| observed.connections_open == 0)
        .unwrap();
}

#[test]
fn a_request_is_cut_in_the_middle() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).unwrap();
    proxy.add(Rule::requests(ApiKey::PRODUCE).cut_after(50));
    let mut client = Client::connect(&proxy);
    let (mut broker, _) = listener.accept().unwrap();
    client.send(ApiKey::PRODUCE);
    let mut arrived = Vec::new();
    broker.read_to_end(&mut arrived).unwrap();
    assert_eq!(arrived.len(), 50);
    assert_eq!(client.receive_to_end(), (0, true));
}

#[test]
fn cutting_all_resets_open_connections_only() {
    let (proxy, mut client) = started();
    let mut other = Client::connect(&proxy);
    client.send(ApiKey::PRODUCE);
    client.receive();
    other.send(ApiKey::PRODUCE);
    other.receive();
    assert_eq!(proxy.cut_all(), 2);
    assert_eq!(proxy.observed().connections_open, 0);
    assert_eq!(client.receive_to_end(), (0, true));
    assert_eq!(other.receive_to_end(), (0, true));
    let mut third = Client::connect(&proxy);
    let sent = third.send(ApiKey::PRODUCE);
    assert_eq!(third.receive(), sent);
}

#[test]
fn a_closed_port_refuses_and_opens_again() {
    let (proxy, mut client) = started();
    proxy.set_accepting(Accepting::Refuse).unwrap();
    let refused = TcpStream::connect(proxy.address()).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    let sent = client.send(ApiKey::PRODUCE);
    assert_eq!(client.receive(), sent);
    proxy.set_accepting(Accepting::Forward).unwrap();
    let mut other = Client::connect(&proxy);
    let sent = other.send(ApiKey::PRODUCE);
    assert_eq!(other.receive(), sent);
}

#[test]
fn a_stalled_port_connects_and_serves_later() {
    let proxy = Proxy::start(start_echo()).unwrap();
    proxy.set_accepting(Accepting::Stall).unwrap();
    let mut client = Client::connect(&proxy);
    let sent = client.send(ApiKey::PRODUCE);
    assert_eq!(proxy.observed().connections_accepted, 0);
    proxy.set_accepting(Accepting::Forward).unwrap();
    assert_eq!(client.receive(), sent);
}

#[test]
fn nobody_behind_the_proxy_is_a_reset_until_somebody_is() {
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .unwrap()
        .local_addr()
        .unwrap();
    let proxy = Proxy::start(nobody).unwrap();
    assert_eq!(Client::connect(&proxy).receive_to_end(), (0, true));
    proxy.set_target(start_echo());
    let mut client = Client::connect(&proxy);
    let sent = client.send(ApiKey::PRODUCE);
    assert_eq!(client.receive(), sent);
}

#[test]
fn a_client_that_leaves_is_heard_to_the_end() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).unwrap();
    let mut client = Client::connect(&proxy);
    let (mut broker, _) = listener.accept().unwrap();
    for _ in 0..100 {
        client.send(ApiKey::PRODUCE);
    }
    drop(client);
    for _ in 0..100 {
        read_frame(&mut broker).unwrap();
    }
    assert_eq!(broker.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_slow_link_is_slow() {
    let (proxy, mut client) = started();
    proxy.set_throughput(Direction::Request, Some(1_000_000));
    let began = Instant::now();
    let sent = client.send_body(ApiKey::PRODUCE, &vec![1; 300_000]);
    assert_eq!(client.receive(), sent);
    assert!(began.elapsed() >= Duration::from_millis(280));
    proxy.set_throughput(Direction::Request, None);
    let sent = client.send_body(ApiKey::PRODUCE, &vec![1; 300_000]);
    assert_eq!(client.receive(), sent);
}

#[test]
fn what_never_happens_is_a_timeout_that_tells_what_did() {
    let (proxy, mut client) = started();
    client.send(ApiKey::PRODUCE);
    client.receive();
    let rule = proxy.add(Rule::any_request().swallow());
    let error = proxy
        .wait_hits(rule, 1, Duration::from_millis(10))
        .unwrap_err();
    assert_eq!(error.observed.requests(ApiKey::PRODUCE), 1);
    assert_eq!(Observed::default().max_produce_in_flight, 0);
}

#[test]
fn bytes_that_are_not_kafkas_pass_unchanged() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap()).unwrap();
    proxy.add(Rule::any_request().swallow());
    let mut client = TcpStream::connect(proxy.address()).unwrap();
    let (mut broker, _) = listener.accept().unwrap();
    client
        .write_all(b"\x16\x03\x01\x02\x00 client hello")
        .unwrap();
    let mut arrived = [0; 18];
    broker.read_exact(&mut arrived).unwrap();
    assert_eq!(&arrived, b"\x16\x03\x01\x02\x00 client hello");
}
