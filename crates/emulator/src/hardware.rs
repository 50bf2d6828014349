//! Network interfaces and disks of a Compute Engine machine, as data. This file owns the form of that part of
//! the world; the metadata server serves it.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct NetworkInterface {
    /// Its address inside; `10.132.0.2` if left out.
    pub ip: Ipv4Addr,
    /// Its address outside; none if left out.
    pub external_ip: Option<Ipv4Addr>,
    /// The name of its network; `default` if left out.
    pub network: String,
}

impl Default for NetworkInterface {
    fn default() -> NetworkInterface {
        NetworkInterface {
            ip: Ipv4Addr::new(10, 132, 0, 2),
            external_ip: None,
            network: "default".to_owned(),
        }
    }
}

impl NetworkInterface {
    /// Its hardware address, which Compute Engine derives from the IP address.
    pub(crate) fn mac(&self) -> String {
        let [a, b, c, d] = self.ip.octets();
        format!("42:01:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
    }

    /// The first address of the network around it, taken for one of 256 addresses.
    pub(crate) fn gateway(&self) -> Ipv4Addr {
        let [a, b, c, _] = self.ip.octets();
        Ipv4Addr::new(a, b, c, 1)
    }
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Disk {
    /// Its name on the machine; `boot` if left out.
    pub name: String,
    /// `PERSISTENT` (if left out), `PERSISTENT-BALANCED`, `LOCAL-SSD` and so on.
    pub kind: String,
    /// Whether it can only be read.
    pub read_only: bool,
}

impl Default for Disk {
    fn default() -> Disk {
        Disk { name: "boot".to_owned(), kind: "PERSISTENT".to_owned(), read_only: false }
    }
}
