"""The guards of the log's generations: of a rebuild and of a forced promotion, each broken once."""

from typing import Final

from tools.mutants.mutant import Mutant

REBUILDING: Final = "services.config.core.rebuilding"
STREAMS: Final = "shared.clusterlog.generations"
PROMOTION: Final = "services.config.core.promotion"
CONFIG: Final = ("tests/unit/config/test_rebuilding.py",)
PROMOTES: Final = ("tests/unit/config/test_promotion.py",)
LOOKS: Final = ("tests/unit/clusterlog",)

GENERATIONS: Final = (
    Mutant("a log that is whole is rebuilt", REBUILDING, "if each.in_log:", "if False:", CONFIG),
    Mutant(
        "a log that may prove whole is rebuilt",
        REBUILDING,
        "if each.position.revision and not each.calls_lost:",
        "if False:",
        CONFIG,
    ),
    Mutant(
        "a log is rebuilt without asking every master",
        REBUILDING,
        "if silent and not force:",
        "if False:",
        CONFIG,
    ),
    Mutant(
        "the shorter database is gone on from",
        REBUILDING,
        "return max(written",
        "return min(written",
        CONFIG,
    ),
    Mutant(
        "the longest database is gone on from, whatever its generation",
        REBUILDING,
        "key=lambda each: (each.position.log_generation, each.position.revision)",
        "key=lambda each: each.position.revision",
        CONFIG,
    ),
    Mutant(
        "an empty database of a later generation is gone on from",
        REBUILDING,
        "[each for each in positions if each.position.revision]",
        "[*positions]",
        CONFIG,
    ),
    Mutant(
        "another history gives way unasked",
        REBUILDING,
        "if is_earlier and force:",
        "if is_earlier:",
        CONFIG,
    ),
    Mutant(
        "one of two histories of a generation gives way",
        REBUILDING,
        "if is_earlier and force:",
        "if force:",
        CONFIG,
    ),
    Mutant(
        "two histories are merged",
        REBUILDING,
        "if revision and hashes.get(revision) != each.position.hash:",
        "if False:",
        CONFIG,
    ),
    Mutant(
        "databases that differ are called equal",
        REBUILDING,
        "if each.position == chosen.position and each.digest != chosen.digest:",
        "if False:",
        CONFIG,
    ),
    Mutant(
        "a rebuild passes by a generation that another operator begins meanwhile",
        STREAMS,
        "found = None if first is None else BegunGeneration(following.generation, first)",
        "found = None",
        LOOKS,
    ),
    Mutant(
        "a generation begins where something else is",
        STREAMS,
        "if raw is None:\n            return following.generation",
        "if True:\n            return following.generation",
        LOOKS,
    ),
    Mutant(
        "a generation begins though a later one has",
        STREAMS,
        "found = await find_last_begun(log, trust)",
        "found = None",
        LOOKS,
    ),
    Mutant(
        "a master is promoted without a word why",
        PROMOTION,
        "if not facts.is_forced or not facts.reason.strip():",
        "if not facts.is_forced:",
        PROMOTES,
    ),
    Mutant(
        "a master is promoted though nobody insists",
        PROMOTION,
        "if not facts.is_forced or not facts.reason.strip():",
        "if not facts.reason.strip():",
        PROMOTES,
    ),
    Mutant(
        "two operators promote at once",
        PROMOTION,
        "if facts.is_under_way:",
        "if False:",
        PROMOTES,
    ),
    Mutant(
        "a primary is promoted",
        PROMOTION,
        "if facts.is_primary:",
        "if False:",
        PROMOTES,
    ),
    Mutant(
        "an empty master is promoted",
        PROMOTION,
        "if not facts.has_history:",
        "if False:",
        PROMOTES,
    ),
    Mutant(
        "a master is promoted beside a quorum",
        PROMOTION,
        "if facts.can_write_lease and not facts.is_alone:",
        "if False:",
        PROMOTES,
    ),
    Mutant(
        "a promotion that broke off is refused for good",
        PROMOTION,
        "if facts.can_write_lease and not facts.is_alone:",
        "if facts.can_write_lease:",
        PROMOTES,
    ),
    Mutant(
        "a log that is there is begun anew",
        PROMOTION,
        "if in_log:",
        "if False:",
        PROMOTES,
    ),
    Mutant(
        "a log begins on a server of a cluster",
        PROMOTION,
        "if not facts.is_alone:",
        "if False:",
        PROMOTES,
    ),
    Mutant(
        "a promotion is one epoch ahead",
        PROMOTION,
        "EPOCHS_AHEAD: Final = 1000",
        "EPOCHS_AHEAD: Final = 1",
        PROMOTES,
    ),
)
