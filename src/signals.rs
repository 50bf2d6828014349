//! The signals that end a program which does not hear them, for all that must be put away first: the terminal, and the
//! folder of an emulator. Those of a crash are left alone: what was wrong then is better told by what the system keeps of
//! it. KILL and STOP cannot be heard.

use rustix::process::Signal;

/// Their numbers.
pub(crate) fn ending() -> Vec<i32> {
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
    // Those for real time, but for the first two, which the C library keeps for itself.
    if cfg!(target_os = "linux") {
        all.extend(34..=64);
    }
    all
}

/// The exit code of a program that one of them ended, as shells count.
pub(crate) fn exit_code(number: i32) -> u8 {
    u8::try_from(128 + number).unwrap_or(u8::MAX)
}
