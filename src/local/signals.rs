//! The signals that end a program which does not hear them, for all that must be put away first: the terminal, and the
//! folder of an emulator. Those of a crash are left alone: what was wrong then is better told by what the system keeps of
//! it. KILL and STOP cannot be heard.

use rustix::process::Signal;
use tokio::signal::unix::{Signal as Heard, SignalKind, signal};

/// Their numbers, and some that nobody can listen for.
fn ending() -> Vec<i32> {
    let named = [
        Signal::INT,
        Signal::TERM,
        Signal::HUP,
        Signal::QUIT,
        Signal::USR1,
        Signal::USR2,
        Signal::ALARM,
        Signal::VTALARM,
        Signal::PROF,
        Signal::XCPU,
        Signal::XFSZ,
        Signal::SYS,
        Signal::TRAP,
        // Elsewhere it is ignored, or there is none.
        #[cfg(target_os = "linux")]
        Signal::IO,
        #[cfg(target_os = "linux")]
        Signal::POWER,
        #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
        Signal::STKFLT,
    ];
    let mut all: Vec<i32> = named.into_iter().map(Signal::as_raw).collect();
    // Those for real time. The C library keeps the first few for itself, each another number of them, and refuses them.
    if cfg!(target_os = "linux") {
        all.extend(32..=64);
    }
    all
}

/// All of them as they come, each with its exit code. What cannot be listened for ends the program as it always would,
/// and is no reason not to start.
pub(crate) fn listen() -> Vec<(Heard, u8)> {
    let heard = |number| Some((signal(SignalKind::from_raw(number)).ok()?, exit_code(number)));
    ending().into_iter().filter_map(heard).collect()
}

/// The exit code of a program that one of them ended, as shells count.
fn exit_code(number: i32) -> u8 {
    u8::try_from(128 + number).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_c_library_keeps_is_left_out_and_the_rest_heard() {
        let codes: Vec<u8> = listen().into_iter().map(|(_, code)| code).collect();
        for number in [Signal::TERM.as_raw(), Signal::HUP.as_raw()] {
            assert!(codes.contains(&exit_code(number)), "{number}");
        }
        if cfg!(target_os = "linux") {
            // The first one for real time is kept by every C library that has threads.
            assert!(signal(SignalKind::from_raw(32)).is_err());
            assert!(
                !codes.contains(&(128 + 32)) && codes.contains(&(128 + 40)) && codes.contains(&(128 + 64))
            );
        }
    }
}
