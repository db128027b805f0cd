"""Decisions are the same in threads and in spawned and forked processes."""

import subprocess
import sys

import optuna
from optuna.trial import TrialState

from lcstop_optuna import LCPFNPruner
from tests.lcstop_ray.ray_trials import H

optuna.logging.set_verbosity(optuna.logging.ERROR)


def curve(top: float) -> list[float]:
    return [top * (1 - 0.5**i) for i in range(1, H + 1)]


def test_all_processors():
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=LCPFNPruner(horizon=H, lower=0, upper=1),
    )

    def objective(trial: optuna.Trial) -> float:
        for step, value in enumerate(curve(trial.suggest_float("top", 0.1, 0.9)), 1):
            trial.report(value, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return value

    study.optimize(objective, n_trials=40, n_jobs=-1)
    states = {trial.state for trial in study.trials}
    assert states == {TrialState.COMPLETE, TrialState.PRUNED}
    assert study.best_trial.params["top"] == max(trial.params["top"] for trial in study.trials)


PROCESSES = """
import multiprocessing, os, signal, threading, time
import joblib, numpy
from lcstop.surrogates.numpy_network import NumpyLCPFNNetwork
from tests.ranking.study_trials import decide, decide_of_several

numpy.ones((500, 500)) @ numpy.ones((500, 500))  # starts the threads of the library before the fork
works = decide, decide_of_several
here = [work() for work in works]
assert all(stops for stops, *_ in here)
for method in ("fork", "spawn"):
    with multiprocessing.get_context(method).Pool(1) as pool:
        assert [pool.apply(work) for work in works] == here, method
assert joblib.Parallel(n_jobs=2)(joblib.delayed(work)() for work in works) == here

# A process is forked while another thread makes a decision.
logits, inside, go_on = NumpyLCPFNNetwork.logits, threading.Event(), threading.Event()

def wait(self, *args):
    inside.set()
    go_on.wait()
    return logits(self, *args)

NumpyLCPFNNetwork.logits = wait
thread = threading.Thread(target=decide_of_several)
thread.start()
inside.wait()
child = os.fork()
if child == 0:
    signal.alarm(60)
    NumpyLCPFNNetwork.logits = logits
    os._exit(0 if decide_of_several() == here[1] else 1)
go_on.set()
thread.join()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""


def test_forked_spawned_and_joblibs_processes_decide_alike():
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", PROCESSES], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
