//! When to draw for events other than keys. A single answer is shown at once, as a key is; a burst is drawn together.
//! It handles times only and doesn't draw.

use std::time::Duration;

use tokio::time::Instant;

/// The interval of frames in the long run.
const APART: Duration = Duration::from_millis(16);

/// How many more may come at once: a key's request, its record and its answer are a frame each.
const AT_ONCE: u32 = 3;

#[derive(Debug, Default)]
pub(super) struct Frames {
    due: Option<Instant>,
    /// The time covered by the frames so far, one interval each.
    paid: Option<Instant>,
}

impl Frames {
    /// Something changed: schedules a frame, unless one is due.
    pub(super) fn want(&mut self, now: Instant) {
        let earliest = self.paid.and_then(|paid| paid.checked_sub(APART * AT_ONCE));
        self.due.get_or_insert(earliest.map_or(now, |earliest| earliest.max(now)));
    }

    /// Schedules a frame for when the terminal can take one.
    pub(super) fn hold(&mut self, now: Instant) {
        self.due = Some(now);
    }

    /// When the next frame is due, if one is.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Whether a frame is so overdue that further events have to wait for it.
    pub(super) fn is_late(&self, now: Instant) -> bool {
        self.due.is_some_and(|due| now.saturating_duration_since(due) >= APART)
    }

    /// A frame was drawn. One for a key alone doesn't count, because people don't type that fast.
    pub(super) fn drawn(&mut self, now: Instant) {
        if self.due.take().is_some() {
            // Frames for keys show what was due as well: that must not be charged later.
            let paid = self.paid.map_or(now, |paid| paid.max(now)) + APART;
            self.paid = Some(paid.min(now + APART * (AT_ONCE + 1)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// When frames are drawn, in milliseconds, where something changes at each of these times.
    fn frames(changes: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let start = Instant::now();
        let (mut frames, mut drawn) = (Frames::default(), Vec::new());
        let mut draw = |frames: &mut Frames, until: Option<Instant>| {
            if let Some(due) = frames.due().filter(|due| until.is_none_or(|until| *due < until)) {
                frames.drawn(due);
                drawn.push(u64::try_from((due - start).as_millis()).unwrap_or_default());
            }
        };
        for at in changes {
            let now = start + Duration::from_millis(at);
            draw(&mut frames, Some(now));
            frames.want(now);
        }
        draw(&mut frames, None);
        drawn
    }

    #[test]
    fn an_answer_is_shown_at_once_and_so_are_the_few_that_belong_to_it() {
        assert_eq!(frames([0, 1, 3, 1_000]), [0, 1, 3, 1_000]);
    }

    #[test]
    fn a_stream_of_answers_is_one_frame_in_sixteen_milliseconds() {
        let drawn = frames(0..1_000);
        assert!((62..=67).contains(&drawn.len()), "{drawn:?}");
        assert!(drawn.windows(2).skip(5).all(|two| two[1] - two[0] == 16), "{drawn:?}");
    }

    #[test]
    fn a_frame_waits_for_what_is_there_already_and_not_for_ever() {
        let now = Instant::now();
        let mut frames = Frames::default();
        frames.want(now);
        assert!(!frames.is_late(now));
        assert!(frames.is_late(now + APART));
    }

    #[test]
    fn however_many_keys_take_answers_along_the_next_answer_is_not_late() {
        let now = Instant::now();
        let mut frames = Frames::default();
        for _ in 0..1_000 {
            frames.want(now);
            frames.drawn(now);
        }
        frames.want(now);
        assert!(frames.due().is_some_and(|due| due <= now + APART), "{frames:?}");
    }

    #[test]
    fn the_frame_of_a_key_costs_nothing_and_takes_along_what_was_due() {
        let now = Instant::now();
        let mut frames = Frames::default();
        (0..100).for_each(|_| frames.drawn(now));
        frames.want(now);
        assert_eq!(frames.due(), Some(now));
        frames.drawn(now);
        assert_eq!(frames.due(), None);
    }
}
