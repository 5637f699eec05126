//! What must hold across the workspace.

mod benign;
mod events;
#[expect(dead_code, reason = "soon")]
mod recorded;
mod template;
