"""Messages as people write them, invented, with what they give away between « and »; and others that only look as if.

Numbers with a check digit have the right one unless a row says otherwise. Keys are put together here, so that no
scanner of repositories takes them for real ones. The rules were mended after the first part; HELD_OUT was written
before that as well, and nothing was mended for its sake.
"""

from __future__ import annotations

_HEX = "3f9a1c7e5b2d4860a1b2c3d4e5f60718"
_MIX = "T3BlbkFJ4aB7cD9eF1gH3iJ5kL7mN9oPqR2sTuV6wXyZ"
KEYS = {
    "openai": "sk-proj-" + _MIX,
    "claude": "sk-ant-api03-" + _MIX,
    "github": "ghp_" + _MIX[:36],
    "aws": "AKIA" + "QWERTY7UIOPASD3F",
    "aliyun": "LTAI" + "5tAbCdEfGhIjKlMn",
    "google": "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q",
    "stripe": "sk_live_" + _MIX[:24],
    "slack": "xoxb-" + "123456789012-" + _MIX[:20],
    "hook": "https://hooks.slack.com/services/" + "T01AB2CD3/B04EF5GH6/" + _MIX[:24],
    "sendgrid": "SG." + _MIX[:22] + "." + _MIX[:43],
    "groq": "gsk_" + _MIX + "ab12CD34",
    "npm": "npm_" + _MIX[:36],
    "telegram": "6123456789:AA" + _MIX[:33],
    "zhipu": _HEX + ".Ab3dEf6hIj9lMn2p",
    "hex": _HEX,
    "uuid": "7c9e6679-7425-40de-944b-e07fc1f90ae7",
}

ENGLISH = """
Hi, it's Dana. You can reach me at «(503) 555-0148» any time after six.
my cell is «5035550148», text works best
Please ring my daughter on «07700 900123».
Her number is «07700900456» if nobody opens the door.
Call the site office: «01632 960983», ask for Raj.
Tel «0161 496 0000»
From abroad dial «+44 7700 900789».
office «+1 (312) 555-0199» is only staffed on weekdays
I'm in Berlin, «+49 151 23456789», Handy works too
Reach out on «+61 412 345 678» or mail «jo.parker@example.com.au».
Contact: «sam_o'neil@example.com»
josé writes from «josé.garcia@example.es»
mail me at «mary.smith [at] example [dot] com», no spam please
My e-mail: «t.nguyen(at)example.org»
forward it to «ops-team@mail.example.co.uk» and cc «cfo@example.com»
you can use my card «4012 8888 8888 1881», it expires next May
pay with «5555555555554444» please
card no. «3714 496353 98431» (Amex)
card number «4012–8888–8888–1881», typed on a phone
acct number «000123456789», routing «021000021»
Please refund to account no. «55779911», sort code «20-00-00».
My bank account is «987654321012», the branch is in Leeds.
IBAN: «GB33 BUKB 2020 1555 5555 55»
Send it to «ES9121000418450200051332» before Friday.
social security number: «078-05-1120»
the last form asked for my SSN «219 09 9999»
SIN «046 454 286», born in Toronto
My NI number is «JG 10 37 59 A».
passport no. «533401372», issued in Chicago
Passport number: «C01X00T47»
Driver's license «D1234-56789-01234», Illinois
my license number is «S123-4567-8901»
Steuer-ID «36 574 261 809»
BSN: «123456782»
Rijksregisternummer «93.05.18-223.61»
my CPF is «529.982.247-25»
Personnummer «811218-9876»
PESEL «44051401359»
the password is «Sunny!Days2024» and it still says wrong
Login: dana, password: «hunter2hunter2»
pwd=«Tr0ub4dor&3»
My wifi passphrase is «correct-horse-42-battery»
export OPENAI_API_KEY={openai}
Here is the key you asked for: {claude}
git clone with {github} does not work
access key {aws}, region eu-west-1
maps key={google}
we charge with {stripe}
SLACK_TOKEN={slack}
alerts go to {hook}
{sendgrid} was in the logs
GROQ {groq}
//registry.example.com/:_authToken={npm}
the bot is {telegram}
my subscription key is {hex}
client secret: {uuid}
DATABASE_URL=postgres://app:«s3cr3t-Pa55»@db.example.com:5432/shop
login from «198.51.100.23» failed at 10:42
the box at «10.20.30.40» is down
His phone number's «+1-646-555-0133»; hers is «646.555.0177».
Phone (home): «718 555 0192»
Ph: «555-0142»
call «555-0117» and ask for Lee
Please text «646-555-0119» when the parcel 8841207 is there.
"""

CHINESE = """
您好，我的手机是«13800138000»，下午联系我
我叫李明，电话«186 1234 5678»，住在三号楼
王女士«138 12345678»投诉楼上漏水
联系人陈先生«1390013 9000»，白天方便
手机号：«137–0013–7000»
请回拨«010-88889999»，找刘主任
区号«0571»，号码«8765 4321»
座机«02163001234»
港澳来电«+852 9123 4567»
台湾手机«+886 912 345 678»，找林小姐
我的微信«13700137000»同号
老人电话是一个旧号«0755 2655 1234»
热线工单：来电人号码«15912345678»，反映路灯不亮
您的验证码发到了188****1234这个号，原号是«18812341234»
邮箱«zhang.wei@example.cn»，请发电子发票
发到«liu_yang2008@163.com»就行
邮箱：«chen.jie＠example．com»
我的QQ邮箱是«1234567@qq.com»
邮件地址 «wang#example.com» 里的井号换成艾特
身份证号码«11010519491231002X»
身份证«440308199901010012»的复印件
证件号码：«330102 19850607 1234»
老身份证«110105491231002»
我的银行卡«6222 0212 3456 7890 128»丢了
请退到卡号«6217001234567890123»
账号«1202021309900123456»，工商银行
对公账户：«33050161812700000123»，开户行建设银行
开户账号 «6228480402564890018»
支付宝转到«13911112222»
信用卡«4012888888881881»被盗刷
护照号«E12345678»
护照号码：«EA1234567»，有效期到明年
港澳通行证«C12345678»
港澳居民来往内地通行证号«H0123456789»
驾驶证号«110105198001011234»
社保卡号«AB1234567»
台湾身分证«A123456789»
香港身份证«A123456(3)»
密码是«Abc@123456»，登不上去
登录密码：«qwer7890»
初始密码为«Hello2024»
密钥 {hex}
智谱的 API Key 是 {zhipu}
阿里云 AccessKey {aliyun}
api_key：{openai}
我的 token 是 {github}
服务器«10.1.20.30»连不上
内网地址：«172.16.8.9»
登录IP«203.0.113.77»异常
"""

INNOCENT = """
Order 112-3456789-1234567 has not arrived.
My order number is 4012888888881881, where is it?
The tracking code is 9400 1118 9922 3100 1234 56.
Ticket 5035550148 was closed yesterday.
invoice no 20-00-00 is wrong
The account was opened in 2019 and closed in 2023.
I topped up 100 100 200 times
my account balance is 12345678
Transfer of 1000000000 to savings was declined.
The card costs 15 and the fee is 12.50.
I called three times between 2023 and 2024 2025.
Contact support 24 7 365, they said.
Call me at 10 30 or 11 45.
Text 12345 to win.
the phone has 1920 1080 2400 pixels
cell 12 34 56 of the sheet is empty
Kernel 5.15.0.91 breaks sound.
Upgrade from 10.2.3.14 to 10.2.4.15 failed.
Chrome 120.0.6099.109 crashes
Python 3.10.12.1 is out
see paragraph 10.4.12.3 of the contract
passport control took 45 minutes
my passport expires on 2031-05-06
Where do I change my password?
The password is wrong, the password is expired, my password: how do I reset it?
password: ********
password must be at least 12 characters
Password is required and secret.
the token limit is 4096 tokens
max_tokens: 4096, temperature: 0.7
The API key is missing.
sk-learn and sk-fading-circle are names
IMEI 490154203237518
The barcode 4006381333931 does not scan.
EAN 5901234123457
lottery numbers 04 12 23 34 41 49
between 1990 and 1999 (10 years)
population 1,411,780,000 in 2020
ratio 3:2:1, time 12:34:56
latitude 48.858370, longitude 2.294481
ISBN 978-0-306-40615-7
Flight BA2490 on 05 06 2024, seat 12A
model number 800-555-1234-X
version 2.0.1 of package@3.2.1
the licence costs 100 and 1234 users have it
my user id is 8841207 and my score 98765
BIC DEUTDEFF, branch 500
routing is slow today, 200 ms
ratio of 8 to 12 in 2021 2022
10.000.000,00 EUR and 1.234.567,89 EUR
@media (max-width: 480px)
https://example.com/a/4012888888881881?x=5035550148
I paid 3 x 1299 at 10 at night
Room 0161 496, third floor
p. 123-456, fig. 7-8-9
A.1.2.3.4 is the clause
2024-05-06 07:08:09 ERROR 500 at line 1234567
订单13800138000已发货
订单号：6222021234567890128
快递 773012345678901 到了吗
运单编号SF1234567890123
合同金额 12345678 元
全年营收 1380013800 元，同比增长 12.5%
房号 12-3-1402，面积 138.00 平
会议号 123 456 789
会议ID：138 0013 8000，请准时参加
取件码 1-2-3456
公交 13 路、138 路、139 路
2023年10月20日—2024年01月06日
股票代码600519、000858
快递柜编号02163001234
统一社会信用代码91110000100000999X
邮编 518000
彩票号码 03 08 12 19 25 31 07
账号登不上去，提示错误代码10086
密码错误怎么办？密码是多少位？
密码至少8位，包括字母和数字
忘记密码：点这里
请输入密码
开户需要本人到场，费用 5000 元
护照2031年到期
身份证有效期20200101-20400101
手机 12 期分期 每期 399
请打 12345 市民热线或 110
拨打400-810-8888转1
人民币 6222021234567890128 元
第13800138000次访问
IP 是什么？端口 8080
版本 10.1.20.30 有问题
条码 6901234567892
工号 20180305，部门 0571
课程编号 CS-1010-2024
温度 36.5、血压 120/80、心率 72
营业执照 440301103456789
GB 18030-2022、ISO 27001:2013
"""

HELD_OUT = """
Good morning, Priya here, my mobile number is «07911 123987» and the landline «0131 496 0275».
Could you send the invoice to «accounts.payable@example.net»? My old one, «pd1987@example.com», is closed.
If I don't pick up, try my husband: «(617) 555-0186».
just call me, «617-555-0143», anytime
I left my number, it's «6175550121».
«+353 87 123 4567» is my Irish number
WhatsApp me «+34 612 345 678»
Numero: «06 98 76 54 32», merci
You may charge «4539 1488 0343 6467».
the card ending 6467, full number «4539148803436467»
Please wire it to account «1234567890», routing number «026009593».
Account number: «31926819», sort code «60-16-13»
my iban is «FR7630006000011234567890189»
ssn «536-22-8712» if you need it
Passport «K12345678», nationality Indian, was copied twice.
driver license number «N123-4567-8901»
NIE «Y1234567X», Madrid
my tax id is «36574261809»
the admin password: «P@ssw0rd-9!»
username bob password «Blue7Sky»
use token {github} for the runner
Authorization: Bearer {openai}
please rotate {aws} today
api-key: {hex}
mongodb+srv://reader:«Qw3rty-77»@cluster0.example.net/test
blocked «192.0.2.146» after 5 tries
Dr. Lee, phone «212-555-0190» ext. 12
fax no. «020 7946 0321»
Email «kim@example.co», phone «+82 10-1234-5678»
write «info AT example DOT com»
来电人张女士，联系电话«13911223344»，称小区停水
本人手机号«159-1122-3344»，请短信通知
打«0755-83456789»没人接
家里固话«83456789»一直占线
电话：«18655667788»或«17755667788»
邮箱 «service.bj@example.com.cn»
身份证«511702199203045218»办的卡
身份证号是«32010619880808001X»，请核实
我儿子的身份证号码 «110101201501017310»
卡号«6225 7583 1234 5678»被冻结了
工资卡«6217 0000 1234 5678 903»
收款账号：«0200004509014431234»，户名赵强
把钱退回我的账户 «622848 0402 5648 90018»
护照«G12345678»快到期了
通行证号码«C98765432»
密码：«Xiao123!»
我的密码是«zxcv1357»，一直提示错误
密钥是 {zhipu}，请保密
AccessKeySecret: {hex}
跳板机«10.8.0.15»登录失败
Order no. 617-555-0143 was cancelled.
My order 4539148803436467 is late.
I have been a customer since 1998 and pay 2500 a month.
Please contact sales before 2025 01 15.
Firmware 10.12.33.41 is out.
The password field is empty.
My password is not working.
Token count 123456, secret sauce 42
My account is 12 years old.
account number 5 on the list
Section 10.20.30.40 of the manual
Call number QA76.73.P98 in the library
1234-5678-9012-3456 is not a valid card
page 020 7946
SKU 07911123987
会议号：159 1122 3344
快递单号6225758312345678
订单13911223344未付款
本月销售额13911223344元
密码是什么意思？
账号被封了3天，编号20240506
身份证办理需要5个工作日，费用20元
护照办理：2024年5月6日起
卡号在背面，共16位
楼号5117-0219，单元3
第10.8.0.15条
"""

PARTS = ("ENGLISH", "CHINESE", "INNOCENT", "HELD_OUT")


def messages(text: str) -> list[tuple[str, list[tuple[int, int]]]]:
    """Each message without its marks, and where in it something is given away."""
    made = []
    for line in text.strip().splitlines():
        for name, key in KEYS.items():
            line = line.replace("{" + name + "}", f"«{key}»")
        plain, spans = "", []
        for at, piece in enumerate(line.replace("»", "«").split("«")):
            if at % 2:
                spans.append((len(plain), len(plain) + len(piece)))
            plain += piece
        made.append((plain, spans))
    return made
