"""The training loop: Lightning lives here, and the one file that gathers over ranks (`gather`).

`Distiller.training_step` is one paragraph that knows no paper; what a method adds is a Term, a Curriculum or a value in
an option file. Hydra and trackers stay in app/.
"""
