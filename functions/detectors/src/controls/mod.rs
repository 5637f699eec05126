//! One file each: how a detector is blinded, how that is recognised, judged and reverted.

mod alarm_silenced;
mod analyzer_finds_less;
mod config_deleted_recorder;
mod config_deleted_rule;
mod config_lost_delivery;
mod config_narrowed_recorder;
mod config_stopped_recorder;
mod guardduty_finds_less;
mod resolver_lost_query_logs;
mod scans_turned_off;
mod securityhub_finds_less;
mod waf_lost_protection;

pub(crate) use alarm_silenced::AlarmSilenced;
pub(crate) use analyzer_finds_less::AnalyzerFindsLess;
pub(crate) use config_deleted_recorder::ConfigDeletedRecorder;
pub(crate) use config_deleted_rule::ConfigDeletedRule;
pub(crate) use config_lost_delivery::ConfigLostDelivery;
pub(crate) use config_narrowed_recorder::ConfigNarrowedRecorder;
pub(crate) use config_stopped_recorder::ConfigStoppedRecorder;
pub(crate) use guardduty_finds_less::GuarddutyFindsLess;
pub(crate) use resolver_lost_query_logs::ResolverLostQueryLogs;
pub(crate) use scans_turned_off::ScansTurnedOff;
pub(crate) use securityhub_finds_less::SecurityhubFindsLess;
pub(crate) use waf_lost_protection::WafLostProtection;
