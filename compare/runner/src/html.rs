//! The results as one page: no script, nothing from elsewhere.
use crate::results::Results;
use crate::summary::Block;
use crate::verdict::Verdict;

pub(crate) fn page(_: &Results, _: &[Block<'_>], _: &[Verdict]) -> String {
    String::new()
}
