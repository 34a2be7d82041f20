//! The gate before each hop: all checks, live, and the policy over them.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use checker_core::gate::{self, Decision, Policy, State};
use checker_core::ndu::observe::ClusterState;
use checker_core::ndu::run::{GateAnswer, Gatekeeper};
use checker_core::source::{Source, SourceKind};
use checker_core::{Registry, Version};

use crate::log::LogGuard;
use crate::main_job;
use crate::settings::Settings;

/// Runs the checks as the main job does, and asks the gate.
pub(super) struct Keeper<'a> {
    settings: &'a Settings,
    registry: &'a Registry,
    source: Arc<dyn Source>,
    leaving: Arc<AtomicBool>,
    log: Option<&'a LogGuard>,
    /// What the gate said last.
    pub(super) last: Option<Decision>,
}

impl<'a> Keeper<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        registry: &'a Registry,
        source: Arc<dyn Source>,
        leaving: Arc<AtomicBool>,
        log: Option<&'a LogGuard>,
    ) -> Self {
        Self {
            settings,
            registry,
            source,
            leaving,
            log,
            last: None,
        }
    }
}

impl Gatekeeper for Keeper<'_> {
    fn ask(&mut self, cluster: &ClusterState, target: &Version) -> Result<GateAnswer, String> {
        let run = main_job::check(
            self.settings,
            self.registry,
            &self.source,
            target,
            Arc::clone(&self.leaving),
        )
        .map_err(|failure| format!("{:#}", failure.error))?;
        main_job::keep(self.settings, &run, &self.source, self.log);
        let decision = gate::decide(
            &run.report,
            &Policy {
                cluster: Some(cluster.guid.clone()),
                source: Some(cluster.release.clone()),
                target: Some(target.clone()),
                rehearsal: self.source.kind() == SourceKind::Simulator,
                clients_follow: cluster.release == *target,
                ..Policy::live(self.source.now())
            },
        );
        let accepted = decision
            .reasons_that(gate::Effect::Accepted)
            .map(|reason| reason.text.clone())
            .collect();
        let answer = GateAnswer {
            open: decision.is_open(),
            unverified: decision.gate == State::Unverified,
            verdict: gate::line(&decision),
            report: run.report.run.id.clone(),
            accepted,
            path: run.report.path.clone(),
        };
        self.last = Some(decision);
        Ok(answer)
    }
}
