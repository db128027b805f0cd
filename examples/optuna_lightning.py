"""PyTorch Lightning with Optuna: a callback reports after each validation.

``horizon`` counts epochs, the ``max_epochs`` of the ``Trainer``, also if it validates only every few epochs
(``check_val_every_n_epoch``). The sanity check before the training is not reported. Of several validations in
one epoch (``val_check_interval``), Optuna keeps the first. Import ``lightning.pytorch``: the callback does
not work with the older package ``pytorch_lightning``.

    pip install "lcstop[optuna]" optuna-integration lightning scikit-learn
"""

import logging
import warnings

import lightning.pytorch as pl
import optuna
import torch
from optuna_integration import PyTorchLightningPruningCallback
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

from lcstop_optuna import LCPFNPruner

EPOCHS, TRIALS = 15, 30
X, y = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(X / 16, dtype=torch.float32), torch.tensor(y))
train, valid = random_split(data, [0.75, 0.25], torch.Generator().manual_seed(0))


class Digits(pl.LightningModule):
    """A network with one hidden layer."""

    def __init__(self, width: int, dropout: float, lr: float) -> None:
        super().__init__()
        self.lr = lr
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(64, width), torch.nn.ReLU(), torch.nn.Dropout(dropout), torch.nn.Linear(width, 10)
        )

    def training_step(self, batch, _):
        """The loss of one batch."""
        return torch.nn.functional.cross_entropy(self.layers(batch[0]), batch[1])

    def validation_step(self, batch, _):
        """Log the accuracy, which the callback reports."""
        self.log("val_accuracy", (self.layers(batch[0]).argmax(-1) == batch[1]).float().mean())

    def configure_optimizers(self):
        """Adam."""
        return torch.optim.AdamW(self.parameters(), self.lr)


def objective(trial: optuna.Trial) -> float:
    """The last validation accuracy of one configuration."""
    pl.seed_everything(0, verbose=False)
    model = Digits(
        width=trial.suggest_int("width", 8, 128, log=True),
        dropout=trial.suggest_float("dropout", 0, 0.7),
        lr=trial.suggest_float("lr", 1e-5, 1, log=True),
    )
    trainer = pl.Trainer(
        max_epochs=EPOCHS,
        callbacks=[PyTorchLightningPruningCallback(trial, monitor="val_accuracy")],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(model, DataLoader(train, 64, shuffle=True), DataLoader(valid, len(valid)))
    return trainer.callback_metrics["val_accuracy"].item()


if __name__ == "__main__":
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=LCPFNPruner(horizon=EPOCHS, n_trials=TRIALS, lower=0, upper=1, target="final"),  # the one line
    )
    study.optimize(objective, n_trials=TRIALS)
    stopped = study.get_trials(states=[optuna.trial.TrialState.PRUNED])
    saved = sum(EPOCHS - len(trial.intermediate_values) for trial in stopped)
    print(f"saved {saved} of {TRIALS * EPOCHS} epochs, stopped {len(stopped)} of {TRIALS} trials")
    print(f"best accuracy {study.best_value:.4f}")
