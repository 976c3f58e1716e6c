# SPDX-License-Identifier: Apache-2.0
"""The sample bank's parameters, written to the emulator unless they are there."""
import os

import boto3

PREFIX = "/bank/dev/"
ORGANISATION = {
    "kms/operational/arn": "arn:aws:kms:eu-west-1:000000000000:key/11111111-2222-3333-4444-555555555555",
    "cognito/staff/pool-id": "eu-west-1_staff",
    "cognito/staff/client/back-office": "back-office",
    "cognito/staff/client/api-authoriser": "api-authoriser",
    "cognito/customers/pool-id": "eu-west-1_customers",
    "cognito/customers/client/mobile": "mobile",
    "cognito/customers/client/web": "web",
}
SERVICES = {
    "accounts-v1": {"url": "https://accounts-v1.bank.test:8443", "version": "v1", "route-prefix": "/v1/accounts", "authorizer": "staff"},
    "accounts-v2": {"url": "https://accounts-v2.bank.test:8443", "version": "v2", "route-prefix": "/v2/accounts", "authorizer": "staff",
                    "timeout-ms": "1000"},
    "payments-v1": {"url": "https://payments-v1.bank.test:8443", "version": "v1", "route-prefix": "/v1/payments", "authorizer": "customers",
                    "scopes": "payments/read,payments/write", "methods": "GET,POST", "throttle-rate": "50", "throttle-burst": "100"},
}

ssm = boto3.client("ssm", endpoint_url=os.environ["AWS_ENDPOINT_URL"])
values = dict(ORGANISATION)
for service, parameters in SERVICES.items():
    values.update({f"api-services/{service}/{name}": value for name, value in parameters.items()})
for name, value in values.items():
    try:
        ssm.put_parameter(Name=PREFIX + name, Value=value, Type="StringList" if name.endswith(("scopes", "methods")) else "String")
    except ssm.exceptions.ParameterAlreadyExists:
        pass
