//! Members are kept as written and compared by one rule: the input is members, one a line.
#![no_main]

use std::cmp::Ordering;
use std::collections::HashSet;

use impersona::model::member::Member;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let members: Vec<Member> = text.lines().take(16).map(Member::read).collect();
    for (member, line) in members.iter().zip(text.lines()) {
        assert_eq!(member.as_str(), line);
        assert_eq!(Member::read(member.key()).key(), member.key(), "comparing does not change with writing");
        member.kind();
        if let Ok((typed, _)) = Member::parse(line) {
            assert_eq!(typed.as_str(), line.trim());
            assert!(!line.trim().contains(char::is_control), "no control character is taken");
        }
    }
    for one in &members {
        for other in &members {
            assert_eq!(one == other, one.cmp(other) == Ordering::Equal);
            assert_eq!(one.cmp(other), other.cmp(one).reverse());
        }
    }
    let once: HashSet<&Member> = members.iter().collect();
    assert!(members.iter().all(|member| once.contains(member)), "equal members have equal hashes");
});
