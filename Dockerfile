# lsnet-segment with the weights that come along, on a CPU, by the commands of README.md (Install).
# There was no docker where it was written: it has never been built, its lines ran in a plain
# environment. How to use it: docs/inference.md, "In a container".
FROM python:3.11-slim

WORKDIR /src
COPY setup.py pyproject.toml README.md LICENSE model-index.yml lsnet_info.py ./
COPY requirements requirements
COPY configs configs
COPY tools tools
COPY lsnet_mm lsnet_mm

ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_NO_CACHE_DIR=1
RUN pip install -c requirements/constraints.txt --extra-index-url "$TORCH_INDEX" torch
RUN pip install -c requirements/constraints.txt '.[openmmlab,dicom,dicom-seg]'
RUN pip uninstall -y opencv-python
RUN pip install --no-deps --force-reinstall -c requirements/constraints.txt opencv-python-headless

# Nobody; docker run --user names another, to whom the folder of the outputs belongs.
USER 65534:65534
ENV HOME=/tmp
WORKDIR /tmp
ENTRYPOINT ["lsnet-segment"]
