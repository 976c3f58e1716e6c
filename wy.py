d=json.load(open(D+'json_web_key_test.json')); L=[];E=[]
for g in d['testGroups']:
    k=g.get('public') or g.get('private')
    if 'keys' not in k: k={'keys':[k]}
    for t in g['tests']:
        L.append(json.dumps({'id':t['tcId'],'token':t['jws'],'jwks':k})); E.append((t['tcId'],t['result'],g['comment'],[ (x.get('kty'),x.get('kid')) for x in k['keys']]))
o=run(L); bad=[(e,x) for e,x in zip(E,o) if (e[1]=='valid')!=x['ok']]
print('jwk',len(L),'agree',len(L)-len(bad)); [print('  ',b) for b in bad]
