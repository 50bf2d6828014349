//! For how long the metadata server of the machine is waited for: it may be slow, and most machines have none.

use std::time::Duration;

use crate::{
    http::endpoints::{Endpoints, Service},
    local::env::Hosting,
};

/// For how long a metadata server is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    each: Duration,
    tries: u32,
}

impl Patience {
    /// Who is not there by then is not there: the server is one hop away.
    const ELSEWHERE: Patience = Patience { each: Duration::from_millis(500), tries: 1 };
    /// One that `GCE_METADATA_HOST` names is believed to be there. Longer than all repeats of a request take, so that what is
    /// said is what it answered, or that it refused, and not how long a random wait happened to be.
    const NAMED: Patience = Patience { each: Duration::from_secs(5), tries: 1 };
    /// At Google there is one, which may be slow while the machine starts: as long as google-auth waits.
    const AT_GOOGLE: Patience = Patience { each: Duration::from_secs(3), tries: 3 };
    /// In a cluster the server may be as slow, but in those of others there is none, and many drop what is sent there: the
    /// first caller must not wait for three tries.
    const IN_A_CLUSTER: Patience = Patience { tries: 1, ..Patience::AT_GOOGLE };

    /// By what environment and hardware say of the machine. Serverless machines have no hardware of Google's, and a
    /// container sees none.
    pub(crate) fn of(endpoints: &Endpoints) -> Patience {
        if endpoints.is_moved(Service::Metadata) {
            Patience::NAMED
        } else if is_googles_hardware() {
            Patience::AT_GOOGLE
        } else {
            Patience::at(endpoints.hosting())
        }
    }

    fn at(hosting: Hosting) -> Patience {
        match hosting {
            Hosting::Google | Hosting::Shell => Patience::AT_GOOGLE,
            Hosting::Cluster => Patience::IN_A_CLUSTER,
            Hosting::Unknown => Patience::ELSEWHERE,
        }
    }

    /// Asks until there is an answer, good or bad; none where nobody says anything.
    pub(crate) async fn ask<T, F: Future<Output = T>>(self, mut question: impl FnMut() -> F) -> Option<T> {
        for _ in 0..self.tries {
            if let Ok(answer) = tokio::time::timeout(self.each, question()).await {
                return Some(answer);
            }
        }
        None
    }
}

/// Whether the hardware says that it is Google's (google-auth reads the same file).
fn is_googles_hardware() -> bool {
    std::fs::read_to_string("/sys/class/dmi/id/product_name").is_ok_and(|name| name.starts_with("Google"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_follows_what_the_environment_says_of_the_machine() {
        let of = |name: &str| {
            let env = crate::local::env::Env::from_vars([(name, "x")]);
            Patience::at(Endpoints::new(&env, None).unwrap().hosting())
        };
        for name in ["K_SERVICE", "CLOUD_RUN_JOB", "FUNCTION_TARGET", "GAE_ENV"] {
            assert_eq!(of(name), Patience::AT_GOOGLE, "{name}");
        }
        assert_eq!(of("KUBERNETES_SERVICE_HOST"), Patience::IN_A_CLUSTER);
        assert_eq!(of("GAELIC"), Patience::ELSEWHERE);
        let most = Patience::IN_A_CLUSTER.each * Patience::IN_A_CLUSTER.tries;
        assert!(most <= Duration::from_secs(3), "{most:?}");
    }

    #[tokio::test]
    async fn a_slow_server_is_asked_again_and_a_silent_one_given_up() {
        let patience = Patience { each: Duration::from_millis(20), tries: 3 };
        let mut asked = 0;
        let answer = patience
            .ask(|| {
                asked += 1;
                let slow = asked < 3;
                async move {
                    if slow {
                        std::future::pending::<()>().await;
                    }
                }
            })
            .await;
        assert_eq!((answer, asked), (Some(()), 3));
        assert_eq!(patience.ask(std::future::pending::<()>).await, None);
    }
}
