//! The signals that would end the program before it can clean up the terminal and an emulator's folder. Crash signals
//! are left alone, because the system's own record explains a crash better. KILL and STOP can't be handled.

use rustix::process::Signal;
use tokio::signal::unix::{Signal as Heard, SignalKind, signal};

/// Their numbers, and some that can't be handled.
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
        // Elsewhere it is ignored or doesn't exist.
        #[cfg(target_os = "linux")]
        Signal::IO,
        #[cfg(target_os = "linux")]
        Signal::POWER,
        #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
        Signal::STKFLT,
    ];
    let mut all: Vec<i32> = named.into_iter().map(Signal::as_raw).collect();
    // The real-time signals. The C library reserves the first few, how many depends on the library, and rejects them.
    if cfg!(target_os = "linux") {
        all.extend(32..=64);
    }
    all
}

/// Receives all of them, each with its exit code. A signal that can't be handled ends the program as usual, and doesn't
/// prevent the start.
pub(crate) fn listen() -> Vec<(Heard, u8)> {
    let heard = |number| Some((signal(SignalKind::from_raw(number)).ok()?, exit_code(number)));
    ending().into_iter().filter_map(heard).collect()
}

/// The exit code of a program that the signal ended, as shells count.
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
            // Every C library with threads reserves the first real-time signal.
            assert!(signal(SignalKind::from_raw(32)).is_err());
            assert!(
                !codes.contains(&(128 + 32)) && codes.contains(&(128 + 40)) && codes.contains(&(128 + 64))
            );
        }
    }
}
