//! Another process's memory, as Linux shows it to whoever may trace that process: what is mapped writable, piece by piece.

use std::{
    fmt, fs,
    io::{self, Read, Seek, SeekFrom},
};

/// What a mapping is for, as far as its place tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The allocator's: grown by `brk`, or an arena or a large block of its own.
    Heap,
    /// A thread's stack, the main thread's too.
    Stack,
    /// Variables of the program and of libraries.
    Data,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Heap => "heap",
            Kind::Stack => "stack",
            Kind::Data => "data",
        })
    }
}

/// A writable mapping and what was in it.
pub struct Region {
    pub kind: Kind,
    pub start: u64,
    pub bytes: Vec<u8>,
}

/// Reads all that a process could have written to. The process goes on meanwhile.
pub fn read(pid: u32) -> Vec<Region> {
    try_read(pid).expect("a child of ours can be read")
}

fn try_read(pid: u32) -> io::Result<Vec<Region>> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let mut memory = fs::File::open(format!("/proc/{pid}/mem"))?;
    let mut regions = Vec::new();
    // The end of the mapping before, where that is a guard page: a stack begins behind one.
    let mut guarded = None;
    for line in maps.lines() {
        let mut words = line.split_ascii_whitespace();
        let (Some(range), Some(rights)) = (words.next(), words.next()) else { continue };
        let name = words.nth(3).unwrap_or_default();
        let bounds = range.split_once('-').map(|(start, end)| (hex(start), hex(end)));
        let Some((Ok(start), Ok(end))) = bounds else { continue };
        let behind_a_guard = guarded == Some(start);
        guarded = (rights.starts_with("---") && end - start <= 64 * 1024).then_some(end);
        if !rights.starts_with("rw") {
            continue;
        }
        let kind = match name {
            "[stack]" => Kind::Stack,
            "[heap]" => Kind::Heap,
            "" if behind_a_guard => Kind::Stack,
            "" => Kind::Heap,
            _ => Kind::Data,
        };
        let mut bytes = vec![0; usize::try_from(end - start).unwrap_or_default()];
        // A mapping may have gone since the list was made.
        if memory.seek(SeekFrom::Start(start)).and_then(|_| memory.read_exact(&mut bytes)).is_ok() {
            regions.push(Region { kind, start, bytes });
        }
    }
    if regions.is_empty() {
        return Err(io::Error::other("no mapping can be read"));
    }
    Ok(regions)
}

fn hex(text: &str) -> Result<u64, std::num::ParseIntError> {
    u64::from_str_radix(text, 16)
}
