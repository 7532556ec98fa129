"""What a player tells is what the product reads."""

from urllib.parse import unquote

from loadtest.drive.cmcd import Told, field


def test_keys_in_order_and_encoded() -> None:
    text = field(
        Told("ab12", "v", starved=True, starts=True, kbps=800.4, buffer_s=3.14159, throughput_kbps=2345)
    )
    assert unquote(text) == 'CMCD=bl=3100,br=800,bs,mtp=2300,ot=v,sf=h,sid="ab12",st=l,su'
    assert "," not in text
    assert '"' not in text


def test_what_is_not_known_is_not_told() -> None:
    assert unquote(field(Told("ab12", "m"))) == 'CMCD=ot=m,sf=h,sid="ab12",st=l'
    assert "bl=0," in unquote(field(Told("ab12", "a", buffer_s=0.0)))
