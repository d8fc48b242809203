"""The guards of node selection, each broken once: who may take a client, and who goes first."""

from typing import Final

from tools.mutants.mutant import Mutant

TESTS: Final = "tests/unit/node_selector/"
SENTENCES: Final = (f"{TESTS}test_sentences.py",)
ELIGIBLE: Final = (f"{TESTS}test_eligibility.py",)
PREFIX: Final = (f"{TESTS}test_prefixes.py", *SENTENCES)
DRAWS: Final = (f"{TESTS}test_sampling.py", f"{TESTS}test_methods.py")
LISTENING: Final = (f"{TESTS}test_live_state.py", f"{TESTS}test_roster.py")
PANICS: Final = (f"{TESTS}test_panic.py",)
SELECTOR: Final = (f"{TESTS}test_selector.py",)

ELIGIBILITY: Final = "services.node_selector.core.eligibility"
PREFIXES: Final = "services.node_selector.core.prefixes"
RANKING: Final = "services.node_selector.core.ranking"
PANIC: Final = "services.node_selector.core.panic"
SAMPLING: Final = "services.node_selector.core.sampling"
POOL: Final = "services.node_selector.core.pool"
PROXIMITY: Final = "services.node_selector.core.proximity"
LIVE_STATE: Final = "services.node_selector.core.live_state"
CHOICE: Final = "services.node_selector.core.selection"
RULES: Final = "shared.documents.rules.selections"

LIVENESS_RULE: Final = "shared.domain.liveness"
RELEASE_RULE: Final = "shared.domain.release"
PRIMARY_RULE: Final = "shared.domain.primary"

SELECTION: Final = (
    Mutant(
        "a node is dead one moment later",
        LIVENESS_RULE,
        "if silent_seconds >= dead_after_seconds:",
        "if silent_seconds > dead_after_seconds:",
        ("tests/unit/domain/test_liveness.py",),
    ),
    Mutant(
        "an older release counts as newer",
        RELEASE_RULE,
        "to_integer(ours) > to_integer(theirs)",
        "to_integer(ours) != to_integer(theirs)",
        ("tests/unit/domain/test_release.py",),
    ),
    Mutant(
        "the last claim wins whatever its epoch",
        PRIMARY_RULE,
        "or claim.epoch >= found.epoch",
        "or True",
        ("tests/unit/domain/test_primary.py",),
    ),
    Mutant(
        "any node is a traffic node",
        ELIGIBILITY,
        "if document.role is not NodeRole.TRAFFIC:",
        "if False:",
        ELIGIBLE,
    ),
    Mutant(
        "a node that was switched off is chosen",
        ELIGIBILITY,
        "if not document.accepting_new_clients:",
        "if False:",
        ELIGIBLE,
    ),
    Mutant(
        "an excluded region is used",
        ELIGIBILITY,
        "if candidate.document.region in excluded_regions:",
        "if False:",
        SENTENCES,
    ),
    Mutant(
        "a node without an address is chosen",
        ELIGIBILITY,
        "if candidate.document.public_address is None:",
        "if False:",
        ELIGIBLE,
    ),
    Mutant(
        "a silent node is chosen",
        ELIGIBILITY,
        "if status.liveness is not Liveness.ALIVE:",
        "if False:",
        ELIGIBLE,
    ),
    Mutant(
        "a node that drains is chosen",
        ELIGIBILITY,
        "if status.load.draining:",
        "if False:",
        ELIGIBLE,
    ),
    Mutant(
        "a full node takes one more",
        ELIGIBILITY,
        "status.load.sessions >= capacity",
        "status.load.sessions > capacity",
        ELIGIBLE,
    ),
    Mutant(
        "any version goes with any other",
        ELIGIBILITY,
        "if not are_compatible(status.load.version, version):",
        "if False:",
        ELIGIBLE,
    ),
    Mutant(
        "the shortest prefix wins",
        PREFIXES,
        "sorted(by_length, reverse=True)",
        "sorted(by_length)",
        PREFIX,
    ),
    Mutant(
        "a node stands with each of its networks",
        PREFIXES,
        "sorted(node for node in nodes if node not in known)",
        "sorted(nodes)",
        PREFIX,
    ),
    Mutant(
        "a network that is gone still matches",
        PREFIXES,
        "by_bits[bits].discard(node)",
        "pass",
        PREFIX,
    ),
    Mutant(
        "a pin to a node to be avoided counts",
        RANKING,
        "if pin in eligible.sure and pin not in avoid:",
        "if pin in eligible.sure:",
        SENTENCES,
    ),
    Mutant("a pinned node is named twice", RANKING, "skip = avoid | {pin}", "pass", SENTENCES),
    Mutant(
        "nodes to be avoided are left out",
        RANKING,
        "if avoid else ():",
        "if False else ():",
        SENTENCES,
    ),
    Mutant(
        "a node of a prefix is named twice",
        RANKING,
        "skip = skip.union([each.node for each in found])",
        "pass",
        SENTENCES,
    ),
    Mutant(
        "two silent relays are a panic",
        PANIC,
        "threshold_percent > 0 and heard >= FEWEST_RELAYS and enough",
        "threshold_percent > 0 and enough",
        PANICS,
    ),
    Mutant(
        "a threshold of nothing is always reached",
        PANIC,
        "threshold_percent > 0 and heard",
        "heard",
        PANICS,
    ),
    Mutant(
        "a panic begins beyond its threshold",
        PANIC,
        "silent * 100 >= threshold_percent * heard",
        "silent * 100 > threshold_percent * heard",
        PANICS,
    ),
    Mutant(
        "who is not believed to be silent is as good as who is heard",
        PANIC,
        "Liveness.ALIVE), is_doubtful=True",
        "Liveness.ALIVE), is_doubtful=False",
        PANICS,
    ),
    Mutant(
        "a node that came back has its whole share at once",
        SAMPLING,
        "if back is None or self._now - back >= self._seconds:",
        "if True:",
        DRAWS,
    ),
    Mutant(
        "a node that comes back is drawn by its whole share",
        SAMPLING,
        "if each.back_at is not None and below > (each.weight << SCALE_BITS) * shares.of(each):",
        "if False:",
        DRAWS,
    ),
    Mutant(
        "nodes that come back share evenly by the hash",
        POOL,
        "is_even and all(each.back_at is None for each in nodes)",
        "is_even",
        DRAWS,
    ),
    Mutant(
        "a pool that changed is hashed as before",
        POOL,
        "        self._hash_inputs = None\n        self._joins.clear()",
        "        self._joins.clear()",
        DRAWS,
    ),
    Mutant(
        "parts that were joined stay as they were",
        POOL,
        "        self._hash_inputs = None\n        self._joins.clear()",
        "        self._hash_inputs = None",
        DRAWS,
    ),
    Mutant(
        "a node is passed over by nobody's hash",
        SAMPLING,
        "(each for each in ordered if each.node not in skip) if skip else ordered",
        "ordered",
        DRAWS,
    ),
    Mutant(
        "small differences move a session",
        PROXIMITY,
        "return total - context.rule.latency.hysteresis_ms",
        "return total",
        SENTENCES,
    ),
    Mutant(
        "an old measurement counts",
        PROXIMITY,
        "latency is None or _age(end, node) > oldest",
        "latency is None",
        DRAWS,
    ),
    Mutant(
        "a replica that lost its feed takes every relay for back",
        LIVE_STATE,
        "since is not None and now - since > dead_after_seconds",
        "True",
        LISTENING,
    ),
    Mutant("a silent relay is never noticed", LIVE_STATE, "silent.append(node)", "pass", LISTENING),
    Mutant(
        "DNS is not asked between nodes of one network",
        CHOICE,
        "if len(longest) == 1 else",
        "if longest else",
        SELECTOR,
    ),
    Mutant(
        "DNS is not asked for a pin that is passed over",
        CHOICE,
        "return node in sure and node not in question.avoid",
        "return node in sure",
        SELECTOR,
    ),
    Mutant(
        "a rule without what it needs is taken",
        RULES,
        "if method in NEEDED and getattr(rule, method) is None:",
        "if False:",
        ("tests/unit/documents/test_selections.py",),
    ),
)
