//! Names to addresses and back, as the system knows them. These calls block: they belong off the runtime's thread.

use std::fmt::Debug;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};

/// Whom a connector asks for addresses; tests put their own in its place.
pub(crate) trait Resolve: Debug + Send + Sync {
    /// All addresses of `host`, best first, each with `port`.
    fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>>;

    /// The name that the address is known by (reverse lookup).
    fn canonical_name(&self, address: IpAddr) -> io::Result<String>;
}

/// `getaddrinfo` and `getnameinfo`.
#[derive(Debug)]
pub(crate) struct SystemResolver;

impl Resolve for SystemResolver {
    fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        Ok((host, port).to_socket_addrs()?.collect())
    }

    fn canonical_name(&self, address: IpAddr) -> io::Result<String> {
        Ok(dns_lookup::lookup_addr(&address)?)
    }
}

/// All addresses of the canonical names that the addresses of `host` have, as Java's
/// `resolve_canonical_bootstrap_servers_only`: an address without a name stands for itself, a name without an address is
/// left out.
pub(crate) fn canonical_addresses(
    resolver: &dyn Resolve,
    host: &str,
    port: u16,
) -> io::Result<Vec<SocketAddr>> {
    let mut names: Vec<String> = Vec::new();
    for address in resolver.addresses(host, port)? {
        let name = resolver.canonical_name(address.ip());
        let name = name.unwrap_or_else(|_| address.ip().to_string());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let mut addresses = Vec::new();
    let mut missing = None;
    for name in names {
        match resolver.addresses(&name, port) {
            Ok(found) => addresses.extend(found),
            Err(error) => missing = Some(format!("its canonical name {name}: {error}")),
        }
    }
    match missing {
        Some(error) if addresses.is_empty() => Err(io::Error::other(error)),
        _ => Ok(addresses),
    }
}

#[cfg(test)]
pub(crate) mod scripted {
    //! A resolver that answers what a test says.

    use std::collections::{BTreeMap, VecDeque};
    use std::sync::{Mutex, PoisonError};

    use super::*;

    /// Addresses of names and names of addresses. Of several answers for a name each is given once, the last one for
    /// good; no answer is an error.
    #[derive(Debug, Default)]
    pub(crate) struct ScriptedResolver {
        names: Mutex<BTreeMap<String, VecDeque<Vec<IpAddr>>>>,
        canonical: BTreeMap<IpAddr, String>,
    }

    impl ScriptedResolver {
        pub(crate) fn name(self, host: &str, answers: &[&[&str]]) -> Self {
            self.set(host, answers);
            self
        }

        pub(crate) fn canonical(mut self, address: &str, name: &str) -> Self {
            self.canonical
                .insert(address.parse().unwrap(), name.to_owned());
            self
        }

        /// From now on the name has these answers.
        pub(crate) fn set(&self, host: &str, answers: &[&[&str]]) {
            let addresses =
                |answer: &&[&str]| answer.iter().map(|ip| ip.parse().unwrap()).collect();
            let answers = answers.iter().map(addresses).collect();
            let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            names.insert(host.to_owned(), answers);
        }
    }

    impl Resolve for ScriptedResolver {
        fn addresses(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
            if let Ok(ip) = host.parse::<IpAddr>() {
                return Ok(vec![(ip, port).into()]);
            }
            let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            let answers = names.get_mut(host).filter(|answers| !answers.is_empty());
            let answers = answers.ok_or_else(|| io::Error::other("no such name"))?;
            let answer = match answers.len() {
                1 => answers[0].clone(),
                _ => answers.pop_front().unwrap(),
            };
            if answer.is_empty() {
                return Err(io::Error::other("no such name yet"));
            }
            Ok(answer.into_iter().map(|ip| (ip, port).into()).collect())
        }

        fn canonical_name(&self, address: IpAddr) -> io::Result<String> {
            let name = self.canonical.get(&address).cloned();
            name.ok_or_else(|| io::Error::other("no name"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::scripted::ScriptedResolver;
    use super::*;

    fn canonical(resolver: &ScriptedResolver) -> io::Result<Vec<String>> {
        let addresses = canonical_addresses(resolver, "alias", 9092)?;
        Ok(addresses.iter().map(SocketAddr::to_string).collect())
    }

    #[test]
    fn the_system_knows_localhost() {
        let addresses = SystemResolver.addresses("localhost", 9).unwrap();
        let is_local = |address: &SocketAddr| address.ip().is_loopback() && address.port() == 9;
        assert!(
            !addresses.is_empty() && addresses.iter().all(is_local),
            "{addresses:?}"
        );
        // Its name depends on the machine; that it is asked for shows in that there is no empty one.
        let name = SystemResolver.canonical_name(addresses[0].ip());
        assert!(name.is_ok_and(|name| !name.is_empty()));
    }

    #[test]
    fn an_alias_stands_for_the_canonical_names_of_its_addresses() {
        let resolver = ScriptedResolver::default()
            .name("alias", &[&["10.0.0.1", "10.0.0.2", "10.0.0.3"]])
            .canonical("10.0.0.1", "b1")
            .canonical("10.0.0.2", "b1")
            .name("b1", &[&["10.1.0.1", "10.1.0.2"]]);
        let expected = ["10.1.0.1:9092", "10.1.0.2:9092", "10.0.0.3:9092"];
        assert_eq!(canonical(&resolver).unwrap(), expected);
    }

    #[test]
    fn a_canonical_name_without_address_is_left_out_and_told_if_there_is_no_other() {
        let resolver = ScriptedResolver::default()
            .name("alias", &[&["10.0.0.1", "10.0.0.2"]])
            .canonical("10.0.0.1", "b1")
            .canonical("10.0.0.2", "b2")
            .name("b2", &[&["10.0.0.2"]]);
        assert_eq!(canonical(&resolver).unwrap(), ["10.0.0.2:9092"]);
        resolver.set("b2", &[]);
        let error = canonical(&resolver).unwrap_err().to_string();
        assert_eq!(error, "its canonical name b2: no such name");
    }
}
