//! Properties of the decoder: what terminals send gives the same keys however it comes in pieces, and nothing swallows what
//! comes later.

use crossterm::event::KeyEventKind;
use proptest::prelude::*;

use super::*;

const NONE: KeyModifiers = KeyModifiers::NONE;
const SHIFT: KeyModifiers = KeyModifiers::SHIFT;
const ALT: KeyModifiers = KeyModifiers::ALT;
const CTRL: KeyModifiers = KeyModifiers::CONTROL;
const CTRL_SHIFT: KeyModifiers = CTRL.union(SHIFT);

/// Keys as terminals send them, in more than one byte.
const KEYS: &[(&str, KeyCode, KeyModifiers)] = &[
    // xterm and its like
    ("\x1b[A", KeyCode::Up, NONE),
    ("\x1bOB", KeyCode::Down, NONE),
    ("\x1b[1;5C", KeyCode::Right, CTRL),
    ("\x1b[1;3D", KeyCode::Left, ALT),
    ("\x1bO5D", KeyCode::Left, CTRL),
    ("\x1b[H", KeyCode::Home, NONE),
    ("\x1bOF", KeyCode::End, NONE),
    ("\x1b[1;6F", KeyCode::End, CTRL_SHIFT),
    ("\x1b[Z", KeyCode::BackTab, SHIFT),
    ("\x1bOP", KeyCode::F(1), NONE),
    ("\x1bOR", KeyCode::F(3), NONE),
    ("\x1b[1;2Q", KeyCode::F(2), SHIFT),
    ("\x1b[S", KeyCode::F(4), NONE),
    ("\x1b[15~", KeyCode::F(5), NONE),
    ("\x1b[24;5~", KeyCode::F(12), CTRL),
    ("\x1b[34~", KeyCode::F(17), NONE),
    ("\x1b[2~", KeyCode::Insert, NONE),
    ("\x1b[3;5~", KeyCode::Delete, CTRL),
    ("\x1b[6~", KeyCode::PageDown, NONE),
    // the keypad
    ("\x1bOM", KeyCode::Enter, NONE),
    ("\x1bOj", KeyCode::Char('*'), NONE),
    ("\x1bOy", KeyCode::Char('9'), NONE),
    // vt220 and screen, rxvt, the Linux console
    ("\x1b[1~", KeyCode::Home, NONE),
    ("\x1b[8~", KeyCode::End, NONE),
    ("\x1b[5^", KeyCode::PageUp, CTRL),
    ("\x1b[3@", KeyCode::Delete, CTRL_SHIFT),
    ("\x1b[c", KeyCode::Right, SHIFT),
    ("\x1bOd", KeyCode::Left, CTRL),
    ("\x1b[[A", KeyCode::F(1), NONE),
    ("\x1b[[E", KeyCode::F(5), NONE),
    // a prefix for alt
    ("\x1bb", KeyCode::Char('b'), ALT),
    ("\x1bF", KeyCode::Char('F'), ALT.union(SHIFT)),
    ("\x1b\x7f", KeyCode::Backspace, ALT),
    ("\x1b\r", KeyCode::Enter, ALT),
    ("\x1b\x0b", KeyCode::Char('k'), ALT.union(CTRL)),
    ("\x1bö", KeyCode::Char('ö'), ALT),
    ("\x1b\x1b[D", KeyCode::Left, ALT),
    ("\x1b\x1bOC", KeyCode::Right, ALT),
    // modifyOtherKeys, fixterms and kitty
    ("\x1b[27;5;109~", KeyCode::Char('m'), CTRL),
    ("\x1b[27;2;9~", KeyCode::BackTab, SHIFT),
    ("\x1b[27u", KeyCode::Esc, NONE),
    ("\x1b[105;5u", KeyCode::Char('i'), CTRL),
    ("\x1b[103;2u", KeyCode::Char('G'), SHIFT),
    ("\x1b[49:33;2u", KeyCode::Char('!'), NONE),
    ("\x1b[13;3u", KeyCode::Enter, ALT),
    ("\x1b[127;5u", KeyCode::Backspace, CTRL),
    ("\x1b[9;2u", KeyCode::BackTab, SHIFT),
    ("\x1b[57404u", KeyCode::Char('5'), NONE),
    ("\x1b[57420u", KeyCode::Down, NONE),
    ("\x1b[57376u", KeyCode::F(13), NONE),
    ("\x1b[97;;97u", KeyCode::Char('a'), NONE),
    // characters of several bytes
    ("é", KeyCode::Char('é'), NONE),
    ("Ж", KeyCode::Char('Ж'), SHIFT),
    ("中", KeyCode::Char('中'), NONE),
    ("👋", KeyCode::Char('👋'), NONE),
];

/// What terminals send that is no key.
const ANSWERS: &[&str] = &[
    "\x1b[?65;1;4;22;28c",
    "\x1b[>61;7601;1c",
    "\x1bP!|7E565445\x1b\\",
    "\x1b[38;121R",
    "\x1b[?38;1R",
    "\x1b[0n",
    "\x1b]11;rgb:2e2e/3434/3636\x1b\\",
    "\x1b]10;rgb:d3d3/d7d7/cfcf\x07",
    "\x1b]4;7;rgb:aaaa/aaaa/aaaa\x07",
    "\x1b]52;c;cXVpdA==\x1b\\",
    "\x1b[?2026;2$y",
    "\x1b[4;1$y",
    "\x1bP>|WezTerm 20240203\x1b\\",
    "\x1bP1$r0;1m\x1b\\",
    "\x1bP1+r544e=787465726d\x1b\\",
    "\x1b[?1u",
    "\x1b[?0;256;1S",
    "\x1b[8;50;132t",
    "\x1b]ltmux — qXy\x1b\\",
    "\x1b_Gi=31;OK\x1b\\",
    "\x1b^private q\x1b\\",
    "\x1b[I",
    "\x1b[O",
    "\x1b[M !!",
    "\x1b[M#\x7fq",
    "\x1b[<64;40;12M",
    "\x1b[<0;7;7m",
    "\x1b[96;40;12M",
    "\x1b[57441;2u",
    "\x1b[57428u",
];

const PASTES: &[(&str, &str)] = &[
    ("\x1b[200~\x1b[201~", ""),
    ("\x1b[200~q\r\x03~\x1b[A\x1b[20\x1b[201~", "q\r\x03~\x1b[A\x1b[20"),
    ("\x1b[200~añ中\x1b[201~", "añ中"),
];

/// Each known sequence and what it gives.
fn known() -> Vec<(Vec<u8>, Vec<Input>)> {
    let keys = KEYS.iter().map(|(sent, code, with)| (*sent, vec![event(KeyEvent::new(*code, *with))]));
    let answers = ANSWERS.iter().map(|sent| (*sent, vec![]));
    let pastes = PASTES.iter().map(|(sent, text)| (*sent, vec![pasted(text.as_bytes())]));
    keys.chain(answers).chain(pastes).map(|(sent, found)| (sent.as_bytes().to_vec(), found)).collect()
}

fn event(key: KeyEvent) -> Input {
    Input::Event(Event::Key(key))
}

fn typed(text: &str) -> Vec<Input> {
    let key = |c: char| u8::try_from(c).ok().filter(u8::is_ascii_control).map(sequences::control);
    text.chars().map(|c| event(key(c).unwrap_or_else(|| sequences::character(c)))).collect()
}

fn paste(text: &str) -> Vec<Input> {
    vec![pasted(text.as_bytes())]
}

/// What is heard of pieces that come so many milliseconds after the one before, and then nothing more.
fn heard<T: AsRef<[u8]>>(pieces: &[(u64, T)]) -> Vec<Input> {
    let (mut decoder, mut now) = (Decoder::default(), Duration::ZERO);
    for (delay, piece) in pieces {
        now += Duration::from_millis(*delay);
        decoder.expire(now);
        decoder.feed(now, piece.as_ref());
    }
    decoder.expire(now + LONGEST);
    assert_eq!(decoder.deadline(), None, "nothing is pending after a silence");
    decoder.collect()
}

fn at_once(sent: impl AsRef<[u8]>) -> Vec<Input> {
    heard(&[(0, sent)])
}

#[test]
fn every_known_sequence_is_its_key_or_none() {
    for (sent, found) in known() {
        assert_eq!(at_once(&sent), found, "{:?}", String::from_utf8_lossy(&sent));
    }
    for (sent, kind) in [("\x1b[97;1:2u", KeyEventKind::Repeat), ("\x1b[1;1:3B", KeyEventKind::Release)] {
        assert!(matches!(at_once(sent)[..], [Input::Event(Event::Key(key))] if key.kind == kind), "{sent:?}");
    }
}

#[test]
fn single_bytes_are_keys_at_once() {
    let control = [
        (0, KeyCode::Char(' '), CTRL),
        (3, KeyCode::Char('c'), CTRL),
        (8, KeyCode::Char('h'), CTRL),
        (b'\t', KeyCode::Tab, NONE),
        (b'\n', KeyCode::Char('j'), CTRL),
        (b'\r', KeyCode::Enter, NONE),
        (0x1a, KeyCode::Char('z'), CTRL),
        (0x1c, KeyCode::Char('4'), CTRL),
        (0x1f, KeyCode::Char('7'), CTRL),
        (0x7f, KeyCode::Backspace, NONE),
        (b'Q', KeyCode::Char('Q'), SHIFT),
        (b'/', KeyCode::Char('/'), NONE),
    ];
    for (byte, code, modifiers) in control {
        let mut decoder = Decoder::default();
        decoder.feed(Duration::ZERO, &[byte]);
        assert_eq!(decoder.deadline(), None, "{byte}");
        assert_eq!(decoder.collect::<Vec<_>>(), [event(KeyEvent::new(code, modifiers))]);
    }
}

#[test]
fn every_split_of_every_sequence_gives_the_same() {
    for (sent, found) in known() {
        for at in 1..sent.len() {
            let (start, end) = sent.split_at(at);
            for delay in [0, 1, 20, 49] {
                assert_eq!(heard(&[(0, start), (delay, end)]), found, "{start:?} {delay} ms {end:?}");
            }
        }
        let bytes: Vec<_> = sent.iter().map(|byte| (49, [*byte])).collect();
        assert_eq!(heard(&bytes), found, "{:?}", String::from_utf8_lossy(&sent));
    }
}

#[test]
fn a_single_esc_is_the_key_after_a_short_wait() {
    let esc = || event(KeyCode::Esc.into());
    assert_eq!(heard(&[(0, "\x1b"), (51, "[")]), [vec![esc()], typed("[")].concat_inputs());
    assert_eq!(heard(&[(0, "\x1b"), (51, "\x1b[B")]), [esc(), event(KeyCode::Down.into())]);
    assert_eq!(at_once("\x1b\x1b"), [esc(), esc()]);
    assert_eq!(at_once("\x1b\x1b\x1b"), [esc(), esc(), esc()]);
    assert_eq!(at_once("\x1b\x1b[?6c"), [esc()], "an answer is not a part of it");
    assert_eq!(at_once("\x1b\x1b[200~q\x1b[201~"), [vec![esc()], paste("q")].concat_inputs());
    assert_eq!(at_once("\x1b\x03"), [vec![esc()], typed("\x03")].concat_inputs(), "ctrl-c is always itself");
    assert_eq!(at_once("j\x1b"), [typed("j"), vec![esc()]].concat_inputs());
}

trait Concat {
    fn concat_inputs(self) -> Vec<Input>;
}

impl<const N: usize> Concat for [Vec<Input>; N] {
    fn concat_inputs(self) -> Vec<Input> {
        self.into_iter().flatten().collect()
    }
}

#[test]
fn what_is_never_finished_presses_no_key_and_swallows_none() {
    for sent in ANSWERS.iter().chain(KEYS.iter().map(|(sent, ..)| sent)).filter(|sent| sent.len() > 3) {
        for end in 2..sent.len() {
            let start = &sent.as_bytes()[..end];
            // With what comes at once this is a key with alt.
            if start == b"\x1b\x1b" {
                continue;
            }
            // Characters begin no sequence; with two ESC the key was pressed; alone, `ESC ]` and its like are keys with alt.
            let is_known = start[0] != 0x1b || start[1] == 0x1b || (end == 2 && !b"[O".contains(&start[1]));
            for (wait, next) in [(301, "x"), (0, "\x03"), (0, "\r"), (0, "\x1b[B"), (101, "\x1b[B")] {
                let found = heard(&[(0, start), (wait, next.as_bytes())]);
                let (last, before) = found.split_last().expect("the later key is heard");
                assert_eq!(vec![last], at_once(next).iter().collect::<Vec<_>>(), "{start:?} {next:?}");
                assert!(is_known || before.is_empty(), "{start:?} pressed {before:?}");
            }
        }
    }
}

#[test]
fn a_text_that_never_ends_is_bounded() {
    let trickle = |bytes: u64| (0..bytes).map(|_| (99, *b"z")).collect::<Vec<_>>();
    let mut pieces = vec![(0, *b"\x1b"), (0, *b"]")];
    pieces.extend(trickle(40));
    assert!(heard(&pieces).len() > 5, "after three seconds these are keys again");
    let long = format!("\x1b]52;c;{}", "A".repeat(200_000));
    assert!(matches!(&at_once(long)[..], [Input::Event(Event::Key(_)), ..]), "a held key at most");
}

#[test]
fn a_paste_without_an_end_ends_with_a_silence() {
    assert_eq!(heard(&[(0, "\x1b[200~eyJx"), (301, "j")]), [paste("eyJx"), typed("j")].concat_inputs());
    assert_eq!(
        heard(&[(0, "\x1b[200~eyJx\x1b[20"), (301, "j")]),
        [paste("eyJx"), typed("j")].concat_inputs()
    );
    assert_eq!(heard(&[(0, "\x1b[200~"), (301, "j")]), typed("j"));
    // Its end comes late, after a part of it.
    let late = heard(&[(0, "\x1b[200~a"), (400, "qX\r\x1b[201~"), (0, "k")]);
    assert_eq!(late, [paste("a"), paste("qX\r"), typed("k")].concat_inputs());
}

#[test]
fn ctrl_c_leaves_a_paste_without_an_end() {
    let ctrl_c = || typed("\x03");
    assert_eq!(heard(&[(0, "\x1b[200~ab"), (20, "\x03")]), [paste("ab"), ctrl_c()].concat_inputs());
    assert_eq!(heard(&[(0, "\x1b[200~"), (90, "\x03"), (90, "\x1bq\x1a")]), ctrl_c());
    assert_eq!(at_once("\x1b[200~a\x03b\x1b[201~"), paste("a\x03b"), "in a whole one it is text");
}

#[test]
fn a_burst_is_a_paste() {
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJxIn0.aGk\r";
    let burst = |text: &str| vec![Input::Burst(text.to_owned())];
    assert_eq!(at_once(token), burst(token));
    let pieces: Vec<_> = token.as_bytes().chunks(2).map(|piece| (4, piece)).collect();
    assert_eq!(heard(&pieces), burst(token), "in pieces that come quickly");
    let (start, end) = token.split_at(20);
    assert_eq!(heard(&[(0, start), (90, end)]), burst(token), "once it is known as one it may come slowly");
    // One by one: the first could not be known for what it was.
    let bytes: Vec<_> = token.bytes().map(|byte| (1, [byte])).collect();
    assert_eq!(heard(&bytes), [typed("e"), burst(&token[1..])].concat_inputs());
    let json = "{\r\t\"type\":\t\"service_account\",\r\n}";
    assert_eq!(at_once(json), burst(json), "with its line breaks and tabs");
    assert_eq!(at_once(format!("{token}\x03")), [burst(token), typed("\x03")].concat_inputs());
    assert_eq!(at_once(format!("{token}\x1b[B")), [burst(token), at_once("\x1b[B")].concat_inputs());
    assert_eq!(at_once("数据管道的服务账号令牌在这里粘贴"), burst("数据管道的服务账号令牌在这里粘贴"));
}

#[test]
fn what_a_person_types_stays_keys() {
    for text in
        ["jjjjjjjjjjjjjjjjjjjjjjjjjjjjjj", "jkjkjkjkjkjkjkjkjkjkjkjk", "/deployer\rta", "0123456789abcde"]
    {
        assert_eq!(at_once(text), typed(text), "however it comes");
    }
    let sentence = "a sentence that is typed quickly, yet by a person";
    let keys: Vec<_> = sentence.bytes().map(|byte| (6, [byte])).collect();
    assert_eq!(heard(&keys), typed(sentence));
    let ahead = at_once("ta\t\trelay@acme-ci.example.com\x13");
    let relay = Input::Burst("relay@acme-ci.example.com".to_owned());
    assert_eq!(ahead, [typed("ta\t\t"), vec![relay], typed("\x13")].concat_inputs());
    let two = heard(&[(0, "a"), (2, "b"), (6, "c")]);
    assert_eq!(two, typed("abc"));
}

#[test]
fn bytes_that_are_no_characters_are_replaced() {
    assert_eq!(at_once(b"\xff"), typed("\u{fffd}"));
    assert_eq!(at_once(b"\xe9t\xe9"), typed("\u{fffd}t\u{fffd}"));
    assert_eq!(heard(&[(0, &b"\xc3"[..]), (20, b"\xa9")]), typed("é"));
    assert_eq!(heard(&[(0, &b"\xe4\xb8"[..]), (101, b"x")]), typed("\u{fffd}x"));
    assert_eq!(at_once(b"\xe4\xb8\x1b[A"), [typed("\u{fffd}"), at_once("\x1b[A")].concat_inputs());
    assert_eq!(at_once("\u{9b}1;2R"), typed("1;2R"), "controls of the second kind are neither");
}

/// A list of texts and keys, in which it doesn't matter what was a paste.
fn flat(found: Vec<Input>) -> Vec<Input> {
    let text = |input| match input {
        Input::Burst(text) | Input::Event(Event::Paste(text)) => typed(&text),
        input => vec![input],
    };
    found.into_iter().flat_map(text).collect()
}

/// Bytes that often begin something.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<Vec<u8>> = known().into_iter().map(|(sent, _)| sent).collect();
    let part = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        proptest::sample::select(b"\x1b[]OP_?0;~M\x9b\xc3\\\r\x03".to_vec()).prop_map(|byte| vec![byte]),
        (proptest::sample::select(known), any::<proptest::sample::Index>())
            .prop_map(|(sent, end)| sent[..=end.index(sent.len())].to_vec()),
    ];
    proptest::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn sequences_in_a_row_may_be_cut_anywhere(
        picks in proptest::collection::vec(proptest::sample::select((0..known().len()).collect::<Vec<_>>()), 1..8),
        cuts in proptest::collection::vec((any::<proptest::sample::Index>(), 0..50_u64), 0..12),
    ) {
        let known = known();
        let sent: Vec<u8> = picks.iter().flat_map(|pick| known[*pick].0.clone()).collect();
        let found: Vec<Input> = picks.iter().flat_map(|pick| at_once(&known[*pick].0)).collect();
        prop_assert_eq!(heard(&cut(&sent, &cuts)), found);
    }

    #[test]
    fn noise_holds_no_later_key_back(
        noise in noise(),
        cuts in proptest::collection::vec((any::<proptest::sample::Index>(), 0..400_u64), 0..12),
    ) {
        let mut pieces = cut(&noise, &cuts);
        pieces.push((301, b"\x1b[B".to_vec()));
        prop_assert_eq!(heard(&pieces).pop(), Some(event(KeyCode::Down.into())));
        pieces.pop();
        pieces.push((301, b"j".to_vec()));
        prop_assert_eq!(heard(&pieces).pop(), typed("j").pop());
    }

    #[test]
    fn where_noise_is_cut_makes_no_difference(
        noise in noise(),
        cuts in proptest::collection::vec((any::<proptest::sample::Index>(), Just(0)), 0..12),
    ) {
        prop_assert_eq!(flat(heard(&cut(&noise, &cuts))), flat(at_once(&noise)));
    }
}

/// The bytes in pieces, each with its delay.
fn cut(bytes: &[u8], cuts: &[(proptest::sample::Index, u64)]) -> Vec<(u64, Vec<u8>)> {
    let mut places: Vec<_> = cuts.iter().map(|(at, delay)| (at.index(bytes.len() + 1), *delay)).collect();
    places.sort_unstable();
    places.dedup_by_key(|(at, _)| *at);
    let (mut pieces, mut from, mut delay) = (Vec::new(), 0, 0);
    for (at, next) in places {
        pieces.push((delay, bytes[from..at].to_vec()));
        (from, delay) = (at, next);
    }
    pieces.push((delay, bytes[from..].to_vec()));
    pieces
}
