"""What counts, how much, and when: the weights of every step.

A curriculum sees the whole step, so ranks agree without talking; its state is its buffers, saved and resumed with the
checkpoint. It takes no loss and loads no data. To add one: a file with a subclass of `curriculum.Curriculum`, an option
in conf/curriculum/.
"""
