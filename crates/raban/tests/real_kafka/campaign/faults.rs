//! The faults by name, and the signs by which each is known to have struck.

use raban::ErrorCode;

use super::felt::Sign;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    KillLeader,
    RestartLeader,
    PauseLeader,
    PauseCoordinator,
    PauseController,
    PauseMajority,
    MoveLeaders,
    LoseAnswers,
    LoseAnswersKillLeader,
    LoseAnswersKillAll,
    LoseAnswersRestartAll,
    CutConnections,
    SlowLinks,
    FillDisk,
    StopTwo,
    LowerMessageSize,
    RecreateTopic,
}

impl Fault {
    /// The first are those that a short campaign should have.
    pub(crate) const ALL: [Self; 17] = [
        Self::LoseAnswersKillAll,
        Self::PauseLeader,
        Self::StopTwo,
        Self::KillLeader,
        Self::RestartLeader,
        Self::PauseCoordinator,
        Self::PauseController,
        Self::PauseMajority,
        Self::MoveLeaders,
        Self::LoseAnswers,
        Self::LoseAnswersKillLeader,
        Self::LoseAnswersRestartAll,
        Self::CutConnections,
        Self::SlowLinks,
        Self::FillDisk,
        Self::LowerMessageSize,
        Self::RecreateTopic,
    ];

    /// Of these signs a round shows one at least, or the fault didn't strike.
    pub(crate) fn signs(self) -> &'static [Sign] {
        const NOT_LEADER: Sign = Sign::code(ErrorCode::NOT_LEADER_OR_FOLLOWER);
        const NO_STORAGE: Sign = Sign::code(ErrorCode::KAFKA_STORAGE_ERROR);
        const TOO_LATE: Sign = Sign::code(ErrorCode::REQUEST_TIMED_OUT);
        const TOO_FEW: Sign = Sign::code(ErrorCode::NOT_ENOUGH_REPLICAS);
        const TOO_LARGE: Sign = Sign::code(ErrorCode::MESSAGE_TOO_LARGE);
        const NO_TOPIC: Sign = Sign::code(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        const NO_TOPIC_ID: Sign = Sign::code(ErrorCode::UNKNOWN_TOPIC_ID);
        match self {
            Self::KillLeader | Self::CutConnections => &[Sign::CutOff],
            Self::FillDisk => &[Sign::CutOff, NO_STORAGE],
            Self::RestartLeader => &[Sign::CutOff, NOT_LEADER],
            Self::PauseLeader | Self::PauseCoordinator | Self::PauseController => &[Sign::TimedOut],
            Self::PauseMajority => &[Sign::TimedOut, TOO_LATE],
            Self::MoveLeaders => &[NOT_LEADER],
            Self::LoseAnswers | Self::LoseAnswersKillLeader | Self::LoseAnswersRestartAll => {
                &[Sign::Asked, Sign::Read]
            }
            Self::LoseAnswersKillAll => &[Sign::Read],
            Self::SlowLinks => &[Sign::TimedOut],
            Self::StopTwo => &[TOO_FEW],
            Self::LowerMessageSize => &[TOO_LARGE],
            Self::RecreateTopic => &[NO_TOPIC, NO_TOPIC_ID],
        }
    }
}
