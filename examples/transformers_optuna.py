"""Hugging Face Trainer with Optuna: ``hyperparameter_search(backend="optuna")``.

``horizon`` counts optimizer steps: the Trainer reports ``global_step`` at every evaluation. The last one is
``max_steps`` if it is set, or else epochs times batches, divided by ``gradient_accumulation_steps`` and by
the number of devices. If ``horizon`` were the number of epochs, the first report would be past it, and no
trial would be stopped. Do not search the batch size or the number of epochs: a step would then mean something
else in each trial.

The Trainer returns the last evaluation, not the best one, so the pruner has ``target="final"``. Without
``compute_objective`` the Trainer adds up all metrics.

    pip install "lcstop[optuna]" "transformers[torch]" scikit-learn
"""

import math
import tempfile

import optuna
import torch
from sklearn.datasets import load_digits
from transformers import PrinterCallback, Trainer, TrainingArguments
from transformers.utils.logging import set_verbosity_error

from lcstop_optuna import LCPFNPruner

EPOCHS, BATCH, TRIALS = 12, 64, 30
X, y = load_digits(return_X_y=True)
data = [
    {"pixels": torch.tensor(pixels / 16, dtype=torch.float32), "labels": int(label)}
    for pixels, label in zip(X, y, strict=True)
]
train, valid = data[:1300], data[1300:]


class Network(torch.nn.Module):
    """A small network, in place of ``AutoModelForImageClassification.from_pretrained``."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Dropout(dropout), torch.nn.Linear(64, 10)
        )

    def forward(self, pixels, labels):
        """Loss and logits, as the Trainer expects them."""
        logits = self.layers(pixels)
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


def model_init(trial: optuna.Trial | None) -> Network:
    """A new model. The Trainer also calls this once without a trial."""
    return Network(trial.suggest_float("dropout", 0, 0.7) if trial else 0)


def hp_space(trial: optuna.Trial) -> dict:
    """Fields of ``TrainingArguments`` to search."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-5, 1, log=True),
        "weight_decay": trial.suggest_float("weight_decay", 1e-4, 1, log=True),
    }


def accuracy(prediction) -> dict:
    """The accuracy, which the Trainer reports as ``eval_accuracy``."""
    return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}


if __name__ == "__main__":
    set_verbosity_error()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder,
            num_train_epochs=EPOCHS,
            per_device_train_batch_size=BATCH,
            per_device_eval_batch_size=len(valid),
            eval_strategy="epoch",
            save_strategy="no",
            logging_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
        )
        trainer = Trainer(
            model_init=model_init,
            args=arguments,
            train_dataset=train,
            eval_dataset=valid,
            compute_metrics=accuracy,
        )
        trainer.remove_callback(PrinterCallback)
        steps = EPOCHS * math.ceil(len(train) / BATCH)
        study_name, storage = "digits", optuna.storages.InMemoryStorage()
        best = trainer.hyperparameter_search(
            hp_space=hp_space,
            compute_objective=lambda metrics: metrics["eval_accuracy"],
            n_trials=TRIALS,
            direction="maximize",
            backend="optuna",
            study_name=study_name,  # this and the following go to optuna.create_study
            storage=storage,
            sampler=optuna.samplers.TPESampler(seed=0),
            pruner=LCPFNPruner(steps, n_trials=TRIALS, lower=0, upper=1, target="final"),  # the one line
        )
    study = optuna.load_study(study_name=study_name, storage=storage)
    stopped = study.get_trials(states=[optuna.trial.TrialState.PRUNED])
    saved = sum(steps - trial.last_step for trial in stopped)
    print(f"saved {saved} of {TRIALS * steps} steps, stopped {len(stopped)} of {TRIALS} trials")
    print(f"best accuracy {best.objective:.4f}")
