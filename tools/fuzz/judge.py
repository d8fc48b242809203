"""The one judgement: a value or a documented refusal, within bounds; all else is a finding.

Time is the processor's, so that a busy machine is no finding; memory is by how much the process has
grown at its highest.
"""

import resource
import sys
import traceback
from dataclasses import dataclass
from time import perf_counter, thread_time
from typing import Final

from tools.fuzz.target import Dropped, Target, reason_of

LONGEST_SECONDS: Final = 1.0
LONGEST_WAIT_SECONDS: Final = 10.0
LARGEST_GROWTH_KIB: Final = 256 * 1024
MAXRSS_UNIT: Final = 1024 if sys.platform == "darwin" else 1


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one input: a value (*reason* is empty), a refusal, or a *finding*.

    *kind* is the same for findings of one cause.
    """

    reason: str = ""
    finding: str = ""
    kind: str = ""


def judge(target: Target, data: bytes) -> Verdict:
    """Feed *data* to *target*."""
    grown, began, used = _highest_kib(), perf_counter(), thread_time()
    verdict = _outcome(target, data)
    if verdict.finding:
        return verdict
    seconds = thread_time() - used
    if seconds > LONGEST_SECONDS or perf_counter() - began > LONGEST_WAIT_SECONDS:
        return Verdict(finding=f"it took {seconds:.1f} s for {len(data)} bytes", kind="slow")
    grown = _highest_kib() - grown
    if grown > LARGEST_GROWTH_KIB:
        return Verdict(finding=f"it took {grown >> 10} MiB for {len(data)} bytes", kind="large")
    return verdict


def _outcome(target: Target, data: bytes) -> Verdict:
    refusals: tuple[type[Exception], ...] = (*target.refuses, Dropped)
    try:
        target.decode(data)
    except refusals as error:
        return Verdict(reason=reason_of(error))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - that any other comes is what is looked for
        last = traceback.extract_tb(error.__traceback__)[-1]
        kind = f"{type(error).__name__} at {last.filename}:{last.lineno}"
        return Verdict(finding=f"{kind}: {error}"[:500], kind=kind)
    return Verdict()


def _highest_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // MAXRSS_UNIT
