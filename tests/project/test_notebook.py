"""The notebook: it runs from top to bottom, and is stored without outputs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

PATH = Path(__file__).parents[2] / "examples" / "first_study.ipynb"


@pytest.fixture
def notebook():
    return nbformat.read(PATH, as_version=4)


def test_it_is_valid_and_has_no_outputs(notebook):
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert all(not cell.outputs and cell.execution_count is None for cell in code)


# The client and its kernel talk over sockets that they leave to the garbage collector.
@pytest.mark.filterwarnings("default")
def test_it_runs_and_keeps_the_best_trial(notebook, tmp_path):
    client = NotebookClient(notebook, timeout=250, resources={"metadata": {"path": str(tmp_path)}})
    client.execute()
    shown = [
        output.get("text", "") or output.get("data", {}).get("text/plain", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
    ]
    said = "\n".join(shown)
    assert "% of the epochs saved, best trial kept with probability 0.9" in said
    assert "{'lcstop_stopped': 1.0," in said
    best = {line[:11].strip(): float(line.split()[3]) for line in said.splitlines() if "  best " in line}
    assert best["with lcstop"] >= best["no pruner"]
    assert said.count("keep=0.") == 3
    assert not list(tmp_path.iterdir())
