"""Plain PyTorch with Optuna: the loop reports after each epoch and asks whether to stop.

``horizon`` counts epochs here: the reports of a full trial. It may be batches or evaluations instead, as long
as ``trial.report`` counts the same. The objective returns its best epoch. If it returns the last one, pass
``target="final"``.

    pip install "lcstop[optuna]" torch scikit-learn
"""

import optuna
import torch
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

from lcstop_optuna import LCPFNPruner

EPOCHS, TRIALS = 20, 30
X, y = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(X / 16, dtype=torch.float32), torch.tensor(y))
train, valid = random_split(data, [0.75, 0.25], torch.Generator().manual_seed(0))


def objective(trial: optuna.Trial) -> float:
    """The best validation accuracy of one configuration."""
    torch.manual_seed(0)
    width = trial.suggest_int("width", 8, 128, log=True)
    dropout = trial.suggest_float("dropout", 0, 0.7)
    model = torch.nn.Sequential(
        torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Dropout(dropout), torch.nn.Linear(width, 10)
    )
    optimizer = torch.optim.SGD(
        model.parameters(),
        lr=trial.suggest_float("lr", 1e-3, 10, log=True),
        momentum=trial.suggest_float("momentum", 0, 0.95),
    )
    pixels, labels = valid[:]
    accuracies = []
    for epoch in range(EPOCHS):
        model.train()
        for batch, wanted in DataLoader(train, 64, shuffle=True):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(batch), wanted).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            accuracies.append((model(pixels).argmax(-1) == labels).float().mean().item())
        trial.report(accuracies[-1], epoch)
        if trial.should_prune():
            raise optuna.TrialPruned
    return max(accuracies)


if __name__ == "__main__":
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=LCPFNPruner(horizon=EPOCHS, n_trials=TRIALS, lower=0, upper=1),  # the one line
    )
    study.optimize(objective, n_trials=TRIALS)
    stopped = study.get_trials(states=[optuna.trial.TrialState.PRUNED])
    saved = sum(EPOCHS - len(trial.intermediate_values) for trial in stopped)
    print(f"saved {saved} of {TRIALS * EPOCHS} epochs, stopped {len(stopped)} of {TRIALS} trials")
    print(f"best accuracy {study.best_value:.4f}")
