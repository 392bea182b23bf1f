# Thin wrappers over the commands of the README.
PYTHON ?= python3
BIN = .venv/bin

.PHONY: demo test slow lint bench clean

.venv:
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -e ".[test,lint]"

demo: .venv
	$(BIN)/neurosim demo

test: .venv
	$(BIN)/python -m pytest -n 2

slow: .venv
	$(BIN)/python -m pytest -n 2 -m slow

lint: .venv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

bench: .venv
	$(BIN)/python benchmarks/start_up.py
	$(BIN)/python benchmarks/block_kernels.py

clean:
	rm -rf .venv .numba_cache build *.egg-info
