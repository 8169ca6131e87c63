# The notebooks for JupyterHub, Binder or `docker run -p 8888:8888`: not root, device already built.
FROM python:3.11-bookworm

# The names that Binder and JupyterHub give their user.
ARG NB_USER=jovyan
ARG NB_UID=1000
ENV HOME=/home/${NB_USER}
RUN useradd --create-home --uid ${NB_UID} ${NB_USER}

COPY constraints.txt /tmp/
COPY . /tmp/mtia-lab
RUN python -m pip install --no-cache-dir --constraint /tmp/constraints.txt /tmp/mtia-lab \
    && rm -r /tmp/mtia-lab

USER ${NB_USER}
WORKDIR ${HOME}
RUN python -m mtia_lab build && python -m mtia_lab notebooks

EXPOSE 8888
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser"]
