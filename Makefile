# `make help` lists the targets. Variables, all optional:
#   PYTHON       the Python (3.10 to 3.12) that makes .venv; default python3
#   TORCH_INDEX  where else pip may look for torch. Without it a PC gets the CUDA build, which is
#                gigabytes; for the CPU build: make TORCH_INDEX=https://download.pytorch.org/whl/cpu
#   PYTEST       arguments for pytest, such as PYTEST='-n 4 -k phantom'; default -n 2, two processes
PYTHON ?= python3
TORCH_INDEX ?=
PYTEST ?= -n 2

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip --disable-pip-version-check
CONSTRAINTS := requirements/constraints.txt

CONFIG := configs/lsnet/lsnet_small_phantom.py
PHANTOM := data/phantom
RUN := work_dirs/lsnet_small_phantom

.DEFAULT_GOAL := help
.PHONY: help demo plan test docs lint clean venv weights

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' Makefile
	@sed -n 's/^#   /  /p' Makefile

demo: plan $(READY) $(PHANTOM)/dataset.json  ## phantom as TCIA delivers, prepare, train for minutes, test, draw
	@echo; echo "3. The training; its log is in $(RUN)"
	@$(BIN)/python tools/train.py $(CONFIG) --progress
	@echo; echo "4. The test, on phantoms that the nets have not seen"
	@$(BIN)/python tools/test.py $(CONFIG) "$$(cat $(RUN)/last_checkpoint)"
	@echo
	@echo "case: DSC of whole volumes. slice_fg: mean over the slices that show the organ."
	@echo "oracle: with true boxes, what S-Net does where L-Net makes no mistake."
	@echo "box/miou: how well boxes fit. slice_empty/found: slices without organ in which one was found."
	@echo "Pictures: $(RUN)/panel.png and $(PHANTOM)/contact_sheet.png"
	@echo
	@echo "Next, a study as it comes from a scanner, and a training on data of your own (docs/data.md):"
	@echo "  $(BIN)/lsnet-segment $(PHANTOM)_download/manifest-*/Pancreas-CT/PANCREAS_0001 \\"
	@echo "      -m $(CONFIG) $$(cat $(RUN)/last_checkpoint) -o work_dirs/masks --preview"
	@echo "  $(BIN)/python tools/prepare_nnunet.py YOUR_DATA_SET data/mine &&" \
	    "$(BIN)/python tools/train.py $(CONFIG) --cfg-options" \
	    "{train,val,test}_dataloader.dataset.data_root=data/mine"

plan:
	@echo "1. An environment, in .venv (the first time: minutes, and a download of gigabytes; of one with TORCH_INDEX, see make help)"
	@echo "2. 32 phantoms of an abdomen as DICOM, and their preparation (half a minute)"
	@echo "3. A training of L-SNet (about five minutes on two cores)"
	@echo "4. A test, scores and a picture. Nothing outside of this folder is changed."
	@echo

test: $(READY)  ## run the tests
	OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} $(BIN)/python -m pytest -q $(PYTEST) tests

docs: $(READY)  ## write the site to build/docs; warnings, and links that lead nowhere, are errors
	$(BIN)/python -m sphinx -q -W --keep-going docs build/docs

WEIGHTS := lsnet/lsnet_small_unet_slices_mask c2f/c2f_small_unet_slices unet/unet_small_slices

weights: $(READY)  ## train the models that come along anew, on data/pancreas_ct_slices
	@for model in $(WEIGHTS); do \
	    config=configs/$$model.py name=$${model#*/}; run=work_dirs/weights/$$name; \
	    $(BIN)/python tools/train.py $$config --work-dir $$run --seed 0 --cfg-options \
	        train_dataloader.dataset.split="['train','val']" \
	        val_dataloader=None val_cfg=None val_evaluator=None && \
	    $(BIN)/python tools/export.py $$config "$$(cat $$run/last_checkpoint)" \
	        -o $$run/export --half --overwrite \
	        $$(test -f results/slices/$$name/confidence.json && \
	            echo --confidence results/slices/$$name/confidence.json) && \
	    cp $$run/export/model.pth lsnet_mm/weights/$$name.pth && \
	    $(BIN)/python tools/model_card.py $$name || exit 1; \
	done

lint: $(READY)  ## check style and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

clean:  ## remove what builds and tests leave behind; keeps .venv, data and runs
	rm -rf build dist *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

venv: $(READY)  ## make .venv and install into it (the others do this when needed)

# As with the real collection: what a download looks like, and then its preparation.
$(PHANTOM)/dataset.json: | $(READY)
	@test -d $(PHANTOM)_download || \
	    $(BIN)/python tools/make_phantom.py $(PHANTOM)_download --download --cases 32
	@$(BIN)/python tools/prepare_pancreas_ct.py $(PHANTOM)_download $(PHANTOM)

# The stamp is touched last: an install that stopped half-way is taken up again.
$(READY): setup.py $(CONSTRAINTS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || { \
	    echo "lsnet_mm needs Python 3.10 or newer, and $(PYTHON) is older (or missing)." \
	         "Name another: make PYTHON=python3.11" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	    echo "$(PYTHON) cannot make virtual environments." \
	         "On Debian and Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install -c $(CONSTRAINTS) $(if $(TORCH_INDEX),--extra-index-url $(TORCH_INDEX)) torch
	$(PIP) install -c $(CONSTRAINTS) -e '.[openmmlab,dev]'
	@$(BIN)/python -c 'import cv2' 2>/dev/null || { \
	    echo "opencv-python cannot load here (often: no libGL); taking opencv-python-headless."; \
	    version=$$($(PIP) show opencv-python | sed -n 's/^Version: //p'); \
	    $(PIP) uninstall -q -y opencv-python; \
	    $(PIP) install --no-deps --force-reinstall "opencv-python-headless==$$version"; \
	    $(BIN)/python -c 'import cv2'; }
	@touch $@
