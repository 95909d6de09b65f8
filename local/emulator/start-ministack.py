"""Starts MiniStack with one difference from AWS mended: the name of an error that a function throws reaches who called it.

The boot workflow decides by these names, and a buried server shows its owner why by them. MiniStack 1.5.33 calls them all Runtime.HandlerError.
"""

import threading

from ministack import app
from ministack.core import lambda_runtime
from ministack.services import lambda_svc

thrown = threading.local()


def worker_that_tells_names(script):
    message = 'error: String(err.message || err)'
    if script.count(message) != 1:
        raise RuntimeError('this is another MiniStack than the one that is mended here')
    return script.replace(message, f'name: err.name, {message}')


def noting(invoke):
    def invoke_and_note(*args, **named):
        answer = invoke(*args, **named)
        thrown.name = answer.get('name')
        return answer

    return invoke_and_note


def naming(execute):
    def execute_and_name(*args):
        thrown.name = None
        answer = execute(*args)
        if thrown.name:
            answer['body']['errorType'] = thrown.name
        return answer

    return execute_and_name


lambda_runtime._NODEJS_WORKER_SCRIPT = worker_that_tells_names(lambda_runtime._NODEJS_WORKER_SCRIPT)
lambda_runtime.Worker.invoke = noting(lambda_runtime.Worker.invoke)
lambda_svc._execute_function_warm = naming(lambda_svc._execute_function_warm)
app.main()
