//! Looking for what is left of credentials in memory: any sixteen bytes in a row of the secret part of one, as text, as
//! the bytes that it stands for, in hexadecimal or in base64; and the letters of one spread over the cells of a screen.

use std::{collections::HashMap, fmt::Write as _};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use super::process::{Kind, Region};

/// So many bytes in a row are no accident.
const WINDOW: usize = 16;

const PAGE: usize = 4_096;

/// From one letter of a line on the screen to the next, in bytes.
const CELL: usize = size_of::<ratatui::buffer::Cell>();

/// What is looked for.
#[derive(Default)]
pub struct Wanted {
    names: Vec<String>,
    texts: Vec<String>,
    /// Which credential each window belongs to.
    windows: HashMap<[u8; WINDOW], usize>,
    /// Which three bytes a window may begin with: most of memory is told apart by this alone.
    begins: Begins,
}

/// A set of three bytes.
struct Begins(Vec<bool>);

impl Default for Begins {
    fn default() -> Self {
        Begins(vec![false; 1 << 24])
    }
}

impl Begins {
    fn at(bytes: [u8; 3]) -> usize {
        usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2])
    }
}

/// A place where something is left.
#[derive(Clone, Debug)]
pub struct Hit {
    pub whose: usize,
    pub kind: Kind,
    pub address: u64,
    /// Bytes in a row.
    pub length: usize,
    /// Whether it is spread over cells.
    pub cells: bool,
    /// The whole credential, from its first letter.
    pub whole: bool,
    /// What stands before and in it, for people.
    pub around: String,
}

/// What makes a credential one: of a JWT the signature, of a signed URL what follows its name, of a token of the
/// emulator's what is random.
fn secret_part(credential: &str) -> &str {
    let (_, signature) = credential.rsplit_once("X-Goog-Signature=").unwrap_or(("", credential));
    let last = signature.rsplit('.').next().unwrap_or_default();
    last.rsplit_once("EMULATOR-").map_or(last, |(_, random)| random)
}

impl Wanted {
    /// Adds a credential; gives its number.
    pub fn add(&mut self, name: &str, credential: &str) -> usize {
        let whose = self.names.len();
        self.names.push(name.to_owned());
        self.texts.push(credential.to_owned());
        let secret = secret_part(credential);
        let mut forms = vec![secret.as_bytes().to_vec()];
        forms.extend(STANDARD.decode(secret).or_else(|_| URL_SAFE_NO_PAD.decode(secret)).ok());
        for bytes in forms.clone() {
            forms.push(bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect());
            for skip in 0..3 {
                let text = STANDARD.encode(&bytes[skip..]);
                // The digits at its end depend on what follows.
                let text = &text[..(bytes.len() - skip) / 3 * 4];
                forms.push(text.replace('+', "-").replace('/', "_").into_bytes());
                forms.push(text.as_bytes().to_vec());
            }
        }
        for window in forms.iter().flat_map(|form| form.windows(WINDOW)) {
            let window: [u8; WINDOW] = window.try_into().unwrap();
            self.begins.0[Begins::at([window[0], window[1], window[2]])] = true;
            self.windows.insert(window, whose);
        }
        whose
    }

    /// Everything that is left of any of them.
    pub fn search(&self, regions: &[Region]) -> Vec<Hit> {
        let mut hits = Vec::new();
        for region in regions {
            self.in_a_row(region, &mut hits);
            self.in_cells(region, &mut hits);
        }
        hits
    }

    fn in_a_row(&self, region: &Region, hits: &mut Vec<Hit>) {
        let bytes = region.bytes.as_slice();
        let mut at = 0;
        while at + WINDOW <= bytes.len() {
            if is_blank(bytes, at) {
                at += PAGE;
                continue;
            }
            let whose = self.begins.0[Begins::at([bytes[at], bytes[at + 1], bytes[at + 2]])]
                .then(|| bytes[at..at + WINDOW].try_into().ok())
                .flatten()
                .and_then(|window: [u8; WINDOW]| self.windows.get(&window).copied());
            let Some(whose) = whose else {
                at += 1;
                continue;
            };
            let begin = at;
            while bytes.get(at..at + WINDOW).and_then(|window| self.windows.get(window)) == Some(&whose) {
                at += 1;
            }
            at += WINDOW - 1;
            let text = self.texts[whose].as_bytes();
            let head = text.len() - secret_part(&self.texts[whose]).len();
            let whole = begin.checked_sub(head).is_some_and(|first| bytes[first..].starts_with(text));
            hits.push(Hit {
                whose,
                kind: region.kind,
                address: region.start + begin as u64,
                length: at - begin,
                cells: false,
                whole,
                around: printable(&bytes[begin.saturating_sub(100)..at.min(begin + 24)]),
            });
        }
    }

    fn in_cells(&self, region: &Region, hits: &mut Vec<Hit>) {
        let bytes = region.bytes.as_slice();
        let last = (WINDOW - 1) * CELL;
        let mut at = 0;
        while at + last < bytes.len() {
            if is_blank(bytes, at) {
                at += PAGE;
                continue;
            }
            if self.begins.0[Begins::at([bytes[at], bytes[at + CELL], bytes[at + 2 * CELL]])] {
                let window: [u8; WINDOW] = std::array::from_fn(|i| bytes[at + i * CELL]);
                if let Some(&whose) = self.windows.get(&window) {
                    hits.push(Hit {
                        whose,
                        kind: region.kind,
                        address: region.start + at as u64,
                        length: WINDOW,
                        cells: true,
                        whole: false,
                        around: printable(&window),
                    });
                    at += last;
                }
            }
            at += 1;
        }
    }

    /// In how many places each was found at each time: the whole of it, a part of it, on a frame.
    pub fn table(&self, times: &[(&str, &Vec<Hit>)]) -> String {
        let mut table = format!("{:<28}", "whole/parts/cells");
        times.iter().for_each(|(time, _)| table.push_str(&format!("{time:>12}")));
        for (whose, name) in self.names.iter().enumerate() {
            let _ = write!(table, "\n{name:<28}");
            for (_, hits) in times {
                let count = |which: fn(&&Hit) -> bool| {
                    hits.iter().filter(|hit| hit.whose == whose).filter(which).count()
                };
                let whole = count(|hit| hit.whole && !hit.cells);
                let parts = count(|hit| !hit.whole && !hit.cells);
                let counts = format!("{whole}/{parts}/{}", count(|hit| hit.cells));
                let _ = write!(table, "{counts:>12}");
            }
        }
        table.push('\n');
        table
    }

    /// Each place, with what stands around it.
    pub fn places(&self, hits: &[Hit]) -> String {
        let mut text = String::new();
        for hit in hits {
            let Hit { whose, kind, address, length, cells, around, .. } = hit;
            let cells = if *cells { " in cells" } else { "" };
            let name = &self.names[*whose];
            let _ = writeln!(text, "{name}: {length} bytes{cells} on the {kind} at {address:x}: {around}");
        }
        text
    }
}

/// Whether a whole page without anything begins here, as most of memory is.
fn is_blank(bytes: &[u8], at: usize) -> bool {
    at.is_multiple_of(PAGE) && bytes.get(at..at + PAGE).is_some_and(|page| page == [0; PAGE])
}

/// Bytes as a person reads them.
fn printable(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' }).collect()
}

#[test]
fn what_is_left_of_a_credential_is_found_in_a_row_in_parts_encoded_and_in_cells() {
    let token = "ya29.c.EMULATOR-q83vASNFZ4mrze8BI0VniavN7wEjRWeJq83vASNFZ4k";
    let mut wanted = Wanted::default();
    wanted.add("token", token);
    let cells: Vec<u8> = token.bytes().flat_map(|c| [vec![c], vec![0; CELL - 1]].concat()).collect();
    for (bytes, whole, in_cells) in [
        (format!("Bearer {token}\r\n").into_bytes(), true, false),
        (b"--q83vASNFZ4mrze8B--".to_vec(), false, false),
        (STANDARD.encode(format!("xy{token}")).into_bytes(), false, false),
        (URL_SAFE_NO_PAD.decode(secret_part(token)).unwrap(), false, false),
        (cells, false, true),
    ] {
        let hits = wanted.search(&[Region { kind: Kind::Heap, start: 0x1000, bytes }]);
        let hit = hits.first().expect("it is found");
        assert_eq!((hit.whole, hit.cells), (whole, in_cells), "{hit:?}");
    }
    let bytes = b"ya29.c.EMULATOR-q83vASNFZ4mrze8".to_vec();
    assert!(
        wanted.search(&[Region { kind: Kind::Heap, start: 0, bytes }]).is_empty(),
        "fifteen bytes are none"
    );
}
