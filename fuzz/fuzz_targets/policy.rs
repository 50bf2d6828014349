//! Any policy that can be read is written back as it was, and what differs between two makes one into the other. The
//! input is up to three policies with NUL between them: as it was, mine, theirs.
#![no_main]

use impersona::model::policy::{Policy, diff::diff, export, limits::limits, merge::merge};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let policies: Vec<Policy> =
        data.split(|byte| *byte == 0).take(3).filter_map(|bytes| Policy::from_slice(bytes).ok()).collect();
    for policy in &policies {
        let again = Policy::parse(policy.to_json()).expect("what was read can be read");
        assert_eq!(&again, policy);
        assert!(diff(policy, policy).is_empty());
        limits(policy);
    }
    if let [base, mine, ..] = policies.as_slice() {
        let changes = diff(base, mine);
        let result = changes.apply_to(base);
        assert!(diff(&result, mine).is_empty(), "{:?}", diff(&result, mine));
        assert_eq!(result.etag(), base.etag());
        for change in &changes.changes {
            export::gcloud(change, "ci@acme-prod.iam.gserviceaccount.com", "acme-prod");
        }
        let theirs = policies.get(2).unwrap_or(base);
        let merge = merge(base, mine, theirs);
        assert_eq!(merge.merged.etag(), theirs.etag());
        // Where nobody else changed anything, all that was staged is in the merge; other fields are never written.
        if policies.len() == 2 {
            assert!(merge.overlaps.is_empty() && diff(&merge.merged, mine).changes.is_empty());
        }
    }
});
