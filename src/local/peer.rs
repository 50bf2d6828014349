//! Whose program is at the other end of a loopback connection. Linux lists every connection of this machine with the
//! user that owns it; elsewhere there is no such list to read, and the answer is unknown.

use std::net::{SocketAddr, SocketAddrV4};

/// Whose a connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A program of the user that runs impersona.
    OurUser,
    OtherUser,
    /// This system doesn't tell.
    Unknown,
}

/// The system's lists of connections at one moment: over IPv4, and over IPv6.
#[derive(Default)]
pub(crate) struct Connections([String; 2]);

impl Connections {
    /// Reads them. This takes longer the more connections there are. A list that can't be read is empty.
    pub(crate) fn read() -> Connections {
        let paths = if cfg!(target_os = "linux") { ["/proc/net/tcp", "/proc/net/tcp6"] } else { [""; 2] };
        Connections(paths.map(|path| std::fs::read_to_string(path).unwrap_or_default()))
    }

    /// Whose program connected from `theirs` to `ours`.
    pub(crate) fn peer(&self, theirs: SocketAddr, ours: SocketAddr) -> Peer {
        let (SocketAddr::V4(theirs), SocketAddr::V4(ours)) = (theirs, ours) else { return Peer::Unknown };
        // A program that opens IPv6 sockets for everything, as Java does, is in the other list.
        let lists = self.0.iter().zip([false, true]);
        let found = lists.map(|(list, six)| owner(list, &written(theirs, six), &written(ours, six)));
        match found.flatten().next() {
            Some(uid) if Some(uid) == us() => Peer::OurUser,
            Some(_) => Peer::OtherUser,
            None => Peer::Unknown,
        }
    }
}

#[cfg(unix)]
fn us() -> Option<u32> {
    Some(rustix::process::geteuid().as_raw())
}

#[cfg(not(unix))]
fn us() -> Option<u32> {
    None
}

/// The user in the row of a connection (proc_pid_net(5)): the second column is the socket's own address, the third the
/// other end's, the eighth the user.
fn owner(table: &str, own: &str, other: &str) -> Option<u32> {
    table.lines().find_map(|line| {
        let mut columns = line.split_ascii_whitespace().skip(1);
        let found = columns.next() == Some(own) && columns.next() == Some(other);
        found.then(|| columns.nth(4)?.parse().ok()).flatten()
    })
}

/// An address as the lists write it: each 32 bits as a number in the machine's byte order, an IPv4 address in the IPv6
/// list in its mapped form.
fn written(address: SocketAddrV4, six: bool) -> String {
    let word = |bytes: [u8; 4]| format!("{:08X}", u32::from_ne_bytes(bytes));
    let own = word(address.ip().octets());
    let mapped =
        if six { format!("{0}{0}{1}", word([0; 4]), word([0, 0, 0xff, 0xff])) } else { String::new() };
    format!("{mapped}{own}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv6Addr, TcpListener, TcpStream};

    /// Two rows of one connection, as Linux prints them on x86-64.
    const TABLE: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000  1000        0 71 1 0 20 4 30 10 -1
   1: 0100007F:C350 0100007F:1F90 01 00000000:00000000 00:00000000 00000000  1001        0 72 1 0 20 4 30 10 -1
";

    #[test]
    fn owner_is_that_of_the_other_end_not_ours() {
        assert_eq!(owner(TABLE, "0100007F:C350", "0100007F:1F90"), Some(1001));
        assert_eq!(owner(TABLE, "0100007F:1F90", "0100007F:C350"), Some(1000));
        assert_eq!(owner(TABLE, "0100007F:C351", "0100007F:1F90"), None);
        assert_eq!(owner("", "0100007F:C350", "0100007F:1F90"), None);
    }

    #[cfg(target_endian = "little")]
    #[test]
    fn addresses_are_written_as_linux_writes_them() {
        let address = "127.0.0.1:8080".parse().unwrap();
        assert_eq!(written(address, false), "0100007F:1F90");
        assert_eq!(written(address, true), "0000000000000000FFFF00000100007F:1F90");
    }

    /// As Java connects: from an IPv6 socket.
    fn connected_over_ipv6(port: u16) -> TcpStream {
        let mapped = std::net::Ipv4Addr::LOCALHOST.to_ipv6_mapped();
        TcpStream::connect((Ipv6Addr::from(mapped.octets()), port)).unwrap()
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn our_own_connections_are_recognized_over_both_versions() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let ours = listener.local_addr().unwrap();
        for connect in [|port| TcpStream::connect(("127.0.0.1", port)).unwrap(), connected_over_ipv6] {
            let _client = connect(ours.port());
            let (_server, theirs) = listener.accept().unwrap();
            assert_eq!(Connections::read().peer(theirs, ours), Peer::OurUser);
        }
        let nowhere = "127.0.0.1:1".parse().unwrap();
        assert_eq!(Connections::read().peer(nowhere, ours), Peer::Unknown);
    }
}
