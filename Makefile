# Two commands matter: make app, make test. `make help` lists the rest.
# PYTHON=/path/to/python3.12 chooses the interpreter .venv is made with.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help app test lint bench screenshots blender clean system-app system-test system-blender
.ONESHELL:
MAKEFLAGS += --no-print-directory

ifeq ($(filter oneshell,$(.FEATURES)),)
$(error GNU make 3.82 or newer is needed (macOS: brew install make, then gmake app); or use the pip lines in README.md)
endif

VENV := .venv
BLENDER := .venv-blender
PY := $(VENV)/bin/python
SAMPLE := resources/samples/cabinet

LINT = $(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy

SYSTEM_APP := libegl1 libgl1 libgl1-mesa-dri libglx-mesa0 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 \
  libxcb-keysyms1 libxcb-image0 libxcb-render-util0 libxcb-shape0 libxcb-xinerama0 libdbus-1-3 \
  libfontconfig1 libglib2.0-0
SYSTEM_TEST := xvfb xauth
SYSTEM_BLENDER := libxi6 libxxf86vm1 libxfixes3 libxrender1 libxkbcommon0 libsm6 libice6 libgomp1 libgl1 libegl1

help:  ## list what make can do
	@awk -F ':.*  ## ' '/^[a-z]+:.*  ## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

app: $(VENV)/.app system-app  ## set up .venv and open the window on a sample (headless: predict into out/)
	@if [ -n "$${DISPLAY:-}$${WAYLAND_DISPLAY:-}" ] || [ "$$(uname)" != Linux ]; then
	  exec $(PY) main.py view $(SAMPLE).png
	fi
	echo "No display here: doing the same job without a window (the sample's own drag)."
	$(PY) main.py predict $(SAMPLE).json -o out/state.ply --input-view out/input_view.png \
	  --turntable out/turntable.mp4 --report out/report.json

test: $(VENV)/.test system-app system-test  ## set up what tests need, then lint and run every tier
	@mkdir -p out/test; rm -f out/test/*; failed=
	tier() {  # name, then the command; all tiers run, the exit code tells of any failure
	  local name=$$1; shift
	  echo; echo "== $$name"
	  "$$@" 2>&1 </dev/null | tee out/test/$$name.txt || failed="$$failed $$name"
	}
	tier 0-lint bash -c '$(LINT)'
	tier 1-plain $(PY) -m pytest -q -m "not gl and not app and not slow"
	tier 2-gl env -u DISPLAY -u WAYLAND_DISPLAY EGL_PLATFORM=surfaceless $(PY) -m pytest -q -m gl
	if command -v xvfb-run >/dev/null; then screen=(xvfb-run -a -s "-screen 0 1280x800x24"); else screen=(env); fi
	tier 3-app "$${screen[@]}" $(PY) -m pytest -q -m "app and not slow"
	tier 4-slow "$${screen[@]}" $(PY) -m pytest -q -m "slow and not gl"
	echo; echo "== summary"
	for log in out/test/*.txt; do printf '%-9s %s\n' "$$(basename $$log .txt)" "$$(tail -n 1 $$log)"; done
	if [ -n "$$failed" ]; then echo "FAILED:$$failed"; exit 1; fi

lint: $(VENV)/.test  ## ruff (lint and format) and mypy
	@$(LINT)

bench: $(VENV)/.app system-app  ## time the main job's stages, every renderer and every format
	@$(PY) main.py predict $(SAMPLE).json -o out/bench.ply --input-view out/bench.png --report out/bench.json
	cat out/bench.json; echo
	env -u DISPLAY -u WAYLAND_DISPLAY $(PY) -m partrm_viewer.bench

screenshots: $(VENV)/.app system-app system-test  ## take the pictures of docs/tour.md anew (about a minute)
	@if [ -n "$${DISPLAY:-}$${WAYLAND_DISPLAY:-}" ] || [ "$$(uname)" != Linux ]; then screen=(env); else
	  screen=(xvfb-run -a -s "-screen 0 1280x800x24"); fi
	"$${screen[@]}" $(PY) -m partrm_viewer.tour -o docs/tour

# Blender asks for an older NumPy than the application, so it has an environment of its own.
blender: $(BLENDER)/.bpy system-blender  ## set up Blender, the reference renderer of `dataset build` (Python 3.11)
	@echo "Ready: dataset build ... --renderer blender --blender $(BLENDER)/bin/python"

$(BLENDER)/.bpy:
	@echo "Installing Blender into $(BLENDER) (about 1 GB)"
	python3.11 -m venv $(BLENDER)
	$(BLENDER)/bin/python -m pip install --quiet --disable-pip-version-check 'bpy>=5,<5.1'
	touch $@

clean:  ## remove .venv, out/ and every cache
	rm -rf $(VENV) $(BLENDER) out .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- setting up: a stamp a step, so that a second run starts at once -----------------------------------------------

$(PY):
	@old=
	for name in $(or $(PYTHON),python3 python3.14 python3.13 python3.12 python3.11); do
	  if "$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$name; break; fi
	  old="$${old:+$$old, }$$("$$name" -V 2>/dev/null || echo "no $$name")"
	done
	if [ -z "$${found:-}" ]; then
	  echo "Python 3.11 or newer is needed; found: $$old." >&2
	  echo "Install one, or name it: make app PYTHON=/path/to/python3.12" >&2
	  exit 1
	fi
	echo "Making $(VENV) with $$("$$found" -V)"
	"$$found" -m venv $(VENV) || { rm -rf $(VENV)
	  echo "This Python cannot make environments; on Debian or Ubuntu: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.app: pyproject.toml | $(PY)
	@echo "Installing the application into $(VENV) (the first time: several minutes, about 6 GB on Linux)"
	$(PY) -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(VENV)/.test: $(VENV)/.app
	@echo "Installing what the tests need into $(VENV)"
	$(PY) -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@

system-app: WANTED = $(SYSTEM_APP)
system-test: WANTED = $(SYSTEM_TEST)
system-blender: WANTED = $(SYSTEM_BLENDER)
system-app system-test system-blender:
	@command -v apt-get >/dev/null || exit 0
	missing() { apt-get -s install --no-install-recommends --no-upgrade $(WANTED) 2>&1 | grep -E '^(Inst|E:) ' || true; }
	if [ -z "$$(missing)" ]; then exit 0; fi
	install="apt-get install -y --no-install-recommends $(WANTED)"
	if [ "$$(id -u)" = 0 ]; then sudo=; elif sudo -n true 2>/dev/null; then sudo=sudo; else
	  echo "System libraries are missing and this user may not install them. Please run:" >&2
	  echo "  sudo $$install" >&2
	  exit 0
	fi
	echo "Installing system libraries: $(WANTED)"
	$$sudo env DEBIAN_FRONTEND=noninteractive apt-get update -qq </dev/null
	$$sudo env DEBIAN_FRONTEND=noninteractive $$install -qq </dev/null >/dev/null
