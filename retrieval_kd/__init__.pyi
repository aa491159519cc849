from retrieval_kd.app.execute.open_artifact import Artifact as Artifact
from retrieval_kd.app.execute.open_artifact import open_artifact as open_artifact
from retrieval_kd.app.from_python import plan as plan
from retrieval_kd.app.from_python import run as run
from retrieval_kd.app.plan.plan import Plan as Plan
from retrieval_kd.app.stages.load_scorer import load as load
from retrieval_kd.errors import UserError as UserError
from retrieval_kd.measures.compare import compare as compare
from retrieval_kd.measures.evaluate import Report as Report
from retrieval_kd.measures.evaluate import evaluate as evaluate
from retrieval_kd.text.judgments import Judgments as Judgments
from retrieval_kd.text.run import Run as Run

__version__: str
