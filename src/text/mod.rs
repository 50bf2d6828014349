//! Text for terminals: text from outside is made safe, and everything is measured in cells. The command line and the
//! explorer both build on this.

pub(crate) mod decode;
pub mod safe;
pub(crate) mod width;
