"""The entry point of this adapter in the group ``lcstop.adapters``; see :mod:`lcstop.commands.adapters`."""

PARTS = {
    "study_reader": "lcstop_optuna.records:read_storage",
    "search_runner": "lcstop_optuna.run_search:run_search",
    "demo_runner": "lcstop_optuna.demo:run_demo",  # needs torch and scikit-learn
    "rule_source": "lcstop_optuna.replay:RULES",
    "searcher": "lcstop_optuna.recorded_search:SEARCHER",
}
