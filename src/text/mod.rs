//! Text for terminals: what comes from outside is made safe, and everything is measured in cells. The command line and the
//! explorer both stand on this.

pub mod safe;
pub mod width;
