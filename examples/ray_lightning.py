"""PyTorch Lightning with Ray Tune: Ray's callback reports after each validation.

``horizon`` counts validations, Ray's ``training_iteration``. If the ``Trainer`` validates once per epoch, it
is ``max_epochs``. Otherwise log the epoch and pass its name as ``time_attr``. The sanity check before the
training is not reported.

    pip install "lcstop[ray]" lightning scikit-learn
"""

import lightning.pytorch as pl
import torch
from ray import tune
from ray.tune.integration.pytorch_lightning import TuneReportCheckpointCallback
from ray.tune.search import BasicVariantGenerator
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset, random_split

from lcstop_ray import LCPFNScheduler

EPOCHS, TRIALS = 15, 16
X, y = load_digits(return_X_y=True)
data = TensorDataset(torch.tensor(X / 16, dtype=torch.float32), torch.tensor(y))
train, valid = random_split(data, [0.75, 0.25], torch.Generator().manual_seed(0))


class Digits(pl.LightningModule):
    """A network with one hidden layer."""

    def __init__(self, config: dict) -> None:
        super().__init__()
        self.config = config
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(64, config["width"]),
            torch.nn.ReLU(),
            torch.nn.Dropout(config["dropout"]),
            torch.nn.Linear(config["width"], 10),
        )

    def training_step(self, batch, _):
        """The loss of one batch."""
        return torch.nn.functional.cross_entropy(self.layers(batch[0]), batch[1])

    def validation_step(self, batch, _):
        """Log the accuracy, which the callback reports."""
        self.log("val_accuracy", (self.layers(batch[0]).argmax(-1) == batch[1]).float().mean())

    def configure_optimizers(self):
        """Adam."""
        return torch.optim.AdamW(self.parameters(), self.config["lr"])


def trainable(config: dict) -> None:
    """Train one configuration."""
    pl.seed_everything(0)
    trainer = pl.Trainer(
        max_epochs=EPOCHS,
        callbacks=[TuneReportCheckpointCallback({"accuracy": "val_accuracy"}, save_checkpoints=False)],
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
    )
    trainer.fit(Digits(config), DataLoader(train, 64, shuffle=True), DataLoader(valid, len(valid)))


if __name__ == "__main__":
    scheduler = LCPFNScheduler(horizon=EPOCHS, lower=0, upper=1)  # the one line
    tuner = tune.Tuner(
        trainable,
        param_space={
            "width": tune.choice([16, 32, 64, 128]),
            "dropout": tune.uniform(0, 0.7),
            "lr": tune.loguniform(1e-5, 1),
        },
        tune_config=tune.TuneConfig(
            metric="accuracy",
            mode="max",
            num_samples=TRIALS,
            search_alg=BasicVariantGenerator(random_state=0),
            scheduler=scheduler,
        ),
    )
    results = tuner.fit()
    saved = sum(EPOCHS - decision.cutoff for decision in scheduler.stops.values())
    print(f"saved {saved:g} of {TRIALS * EPOCHS} epochs, stopped {len(scheduler.stops)} of {TRIALS} trials")
    print(f"best accuracy {results.get_best_result(scope='all').metrics_dataframe['accuracy'].max():.4f}")
