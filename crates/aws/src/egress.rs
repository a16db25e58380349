//! Which addresses a function may call on behalf of its users.
//!
//! Whoever configures a target names a URL, and so would reach whatever the function can: its own Runtime API, the
//! metadata services, hosts inside the VPC. So every call is held against an allow-list of the stack, after the name
//! was resolved: the connection goes to an address that was checked, and no second look-up could give another one.
//!
//! Addresses that are not of the public internet (IANA's special-purpose registries, RFC 6890) are refused unless a
//! network of the list names them. Not here: the call itself ([`crate::downstream`]).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use ipnet::IpNet;

/// What may be called. The default is any public address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Egress {
    any_public: bool,
    /// Whole names.
    hosts: BTreeSet<String>,
    /// What names end with, the dot included.
    domains: BTreeSet<String>,
    networks: Vec<IpNet>,
    runtime_api: Option<RuntimeApi>,
}

/// Where the function's Runtime API is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct RuntimeApi {
    /// None where it is at a name, which is one of this machine.
    ip: Option<IpAddr>,
    port: u16,
}

impl Default for Egress {
    fn default() -> Self {
        Self {
            any_public: true,
            hosts: BTreeSet::new(),
            domains: BTreeSet::new(),
            networks: Vec::new(),
            runtime_api: None,
        }
    }
}

/// An entry of the allow-list that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no entry: *, a host (pay.example.com), the hosts of a domain (*.example.com) or a CIDR (10.0.0.0/8) was expected"
)]
pub struct BadEgress(String);

/// Why a call may not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EgressRefusal {
    /// The allow-list does not name a public host.
    #[error("EgressAllow of the stack does not name {0}")]
    NotAllowed(String),
    /// The address is loopback, link-local, private or otherwise special.
    // Not where: whoever may name a host would learn by it what the network inside looks like.
    #[error("{host} is at no public address; EgressAllow of the stack has no network for it")]
    NotPublic {
        /// The host that was to be called.
        host: String,
        /// Its address.
        address: IpAddr,
    },
    /// The address is the function's own Runtime API.
    #[error("{0} is at the address of this function's Runtime API")]
    RuntimeApi(String),
}

/// Networks that are not of the public internet. Of IPv6 these are besides all that is outside `2000::/3`.
const SPECIAL: [&str; 20] = [
    "0.0.0.0/8",         // this network
    "10.0.0.0/8",        // private
    "100.64.0.0/10",     // carrier-grade NAT
    "127.0.0.0/8",       // loopback
    "169.254.0.0/16",    // link-local, with the metadata services
    "172.16.0.0/12",     // private
    "192.0.0.0/24",      // protocol assignments
    "192.0.2.0/24",      // documentation
    "192.88.99.0/24",    // 6to4 relays
    "192.168.0.0/16",    // private
    "198.18.0.0/15",     // benchmarks
    "198.51.100.0/24",   // documentation
    "203.0.113.0/24",    // documentation
    "224.0.0.0/4",       // multicast
    "240.0.0.0/4",       // reserved, with the broadcast
    "2001::/23",         // protocol assignments, with Teredo
    "2001:db8::/32",     // documentation
    "2002::/16",         // 6to4, which holds an IPv4 address
    "3fff::/20",         // documentation
    "2620:4f:8000::/48", // AS112
];

impl FromStr for Egress {
    type Err = BadEgress;

    /// Reads a list of entries separated by commas or spaces; an empty one is the default.
    fn from_str(text: &str) -> Result<Self, BadEgress> {
        let entries: Vec<&str> = text.split([',', ' ']).map(str::trim).filter(|e| !e.is_empty()).collect();
        if entries.is_empty() {
            return Ok(Self::default());
        }
        let mut egress = Self { any_public: false, ..Self::default() };
        for entry in entries {
            let lower = entry.to_ascii_lowercase();
            let name = lower.strip_prefix("*.").unwrap_or(&lower);
            if lower == "*" {
                egress.any_public = true;
            } else if let Ok(network) = lower.parse::<IpNet>() {
                egress.networks.push(network);
            } else if let Ok(address) = lower.parse::<IpAddr>() {
                egress.networks.push(address.into());
            } else if !is_host(name) {
                return Err(BadEgress(entry.to_owned()));
            } else if lower.starts_with("*.") {
                egress.domains.insert(format!(".{name}"));
            } else {
                egress.hosts.insert(lower);
            }
        }
        Ok(egress)
    }
}

impl Egress {
    /// The same without the Runtime API at `address` (`127.0.0.1:9001`, perhaps with a name or a path), whatever the
    /// list says. None where that names no port: then nothing could keep calls from it.
    #[must_use]
    pub fn without_runtime_api(self, address: &str) -> Option<Self> {
        let (host, port) = address.split('/').next()?.rsplit_once(':')?;
        let ip = host.trim_start_matches('[').trim_end_matches(']').parse().ok();
        Some(Self { runtime_api: Some(RuntimeApi { ip, port: port.parse().ok()? }), ..self })
    }

    /// The port at which a call could reach the Runtime API.
    #[must_use]
    pub fn runtime_api_port(&self) -> Option<u16> {
        self.runtime_api.map(|api| api.port)
    }

    /// Whether `host` may be called at `address`.
    ///
    /// # Errors
    /// It may not.
    pub fn check(&self, host: &str, address: IpAddr) -> Result<(), EgressRefusal> {
        let address = canonical(address);
        if self.networks.iter().any(|network| network.contains(&address)) {
            return Ok(());
        }
        if is_special(address) {
            return Err(EgressRefusal::NotPublic { host: host.to_owned(), address });
        }
        if self.any_public || self.names(host) {
            return Ok(());
        }
        Err(EgressRefusal::NotAllowed(host.to_owned()))
    }

    /// The same for a call at the Runtime API's port, where also a network that the list names may not lead to it.
    ///
    /// # Errors
    /// It may not.
    pub fn check_beside_runtime_api(&self, host: &str, address: IpAddr) -> Result<(), EgressRefusal> {
        let at = canonical(address);
        // Every address of the machine itself leads to what listens on all of them.
        let local = at.is_loopback() || at.is_unspecified();
        if self.runtime_api.is_some_and(|api| api.ip == Some(at) || local) {
            return Err(EgressRefusal::RuntimeApi(host.to_owned()));
        }
        self.check(host, address)
    }

    fn names(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        self.hosts.contains(&host) || self.domains.iter().any(|domain| host.ends_with(domain))
    }
}

/// An IPv4 address that is written as an IPv6 one is that IPv4 address.
fn canonical(address: IpAddr) -> IpAddr {
    let compatible = |v6: Ipv6Addr| v6.to_ipv4().filter(|_| !v6.is_loopback() && !v6.is_unspecified());
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().or_else(|| compatible(v6)).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn is_special(address: IpAddr) -> bool {
    let global = match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(v6) => v6.segments()[0] & 0xe000 == 0x2000,
    };
    let within = |network: &str| network.parse::<IpNet>().is_ok_and(|network| network.contains(&address));
    !global || SPECIAL.into_iter().any(within)
}

/// A name of letters, digits, `-` and `_` in labels; one that ends in a number would be read as an address.
fn is_host(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
    };
    let last = name.rsplit('.').next().unwrap_or_default();
    name.len() <= 253 && name.split('.').all(label) && !last.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn egress(list: &str) -> Egress {
        list.parse().unwrap()
    }

    fn may(list: &str, host: &str, address: &str) -> bool {
        egress(list).check(host, address.parse().unwrap()).is_ok()
    }

    #[test]
    fn by_default_every_public_address_and_no_other_may_be_called() {
        for public in ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"] {
            assert!(may("", "a.example", public), "{public}");
        }
        for special in [
            "127.0.0.1",
            "127.8.8.8",
            "0.0.0.0",
            "10.1.2.3",
            "172.31.255.255",
            "192.168.0.1",
            "169.254.169.254",
            "169.254.170.2",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
        ] {
            assert!(!may("", "a.example", special), "{special}");
        }
    }

    #[test]
    fn a_list_names_hosts_domains_and_networks() {
        let list = "pay.example.com, *.partner.example 10.0.0.0/8";
        assert!(may(list, "pay.example.com", "8.8.8.8") && may(list, "PAY.example.com.", "8.8.8.8"));
        assert!(may(list, "a.partner.example", "8.8.8.8") && may(list, "a.b.partner.example", "8.8.8.8"));
        assert!(!may(list, "partner.example", "8.8.8.8") && !may(list, "evilpartner.example", "8.8.8.8"));
        assert!(!may(list, "other.example.com", "8.8.8.8"));
        assert!(may(list, "inside", "10.9.9.9") && !may(list, "inside", "192.168.1.1"));
        // A name that is allowed does not lead inside: who owns its zone could point it anywhere.
        assert!(!may(list, "pay.example.com", "169.254.169.254"));
        assert!(may("* 127.0.0.0/8", "localhost", "::ffff:127.0.0.1"));
    }

    #[test]
    fn what_is_no_entry_is_refused_with_what_was_expected() {
        for bad in ["http://a.example", "a b/c", "10.0.0.0/40", "*a.example", "256.1.1.1", "a..b", "*.*"] {
            assert!(bad.parse::<Egress>().is_err(), "{bad}");
        }
    }

    #[test]
    fn the_runtime_api_may_never_be_called() {
        let egress = egress("127.0.0.0/8 0.0.0.0/8").without_runtime_api("127.0.0.1:9001").unwrap();
        assert_eq!(egress.runtime_api_port(), Some(9001));
        for address in ["127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::ffff:127.0.0.1"] {
            let refused = egress.check_beside_runtime_api("x", address.parse().unwrap());
            assert_eq!(refused, Err(EgressRefusal::RuntimeApi("x".to_owned())), "{address}");
        }
        assert!(egress.check("x", "127.0.0.1".parse().unwrap()).is_ok(), "another port is another service");
    }

    #[test]
    fn the_runtime_api_is_known_in_every_spelling_or_not_at_all() {
        for address in ["localhost:9001", "127.0.0.1:9001/.rt/gateway", "[::1]:9001"] {
            let egress = egress("127.0.0.0/8").without_runtime_api(address).unwrap();
            assert_eq!(egress.runtime_api_port(), Some(9001), "{address}");
            assert!(egress.check_beside_runtime_api("x", "127.0.0.1".parse().unwrap()).is_err(), "{address}");
        }
        for bad in ["", "127.0.0.1", "127.0.0.1:", "127.0.0.1:many"] {
            assert_eq!(Egress::default().without_runtime_api(bad), None, "{bad}");
        }
    }
}
